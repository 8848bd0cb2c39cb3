-- Queries of which two readings fit, or none: they come back as nothing, or as something that does not bind either.

-- two equal keys and no word that tells
SELECT title FROM films WHERE full_name = 'Ada Lien'

-- both keys are named
SELECT title FROM films WHERE full_name = 'Ada Lien' -- director or producer

-- two tables have the column, equally far
SELECT p.id, label FROM people p WHERE visitors > 3 AND label = 'staff'

-- no such thing anywhere
SELECT mood FROM films

-- near two columns
SELECT "a_pric" FROM (SELECT 1 AS a_price, 2 AS b_price, 3 AS a_prico) t

-- no such table
SELECT count(*) FROM actors

-- what the new join would add up twice
SELECT genre_name, sum(budget) FROM films GROUP BY genre_name

-- an average over rows that would count twice
SELECT genre_name, avg(budget) FROM films GROUP BY genre_name

-- a statement behind the query
SELECT count(*) FROM films; DELETE FROM films

-- more SQL behind a blank line
SELECT title FROM films

WHERE AND

-- a column of the outer query that is nowhere
SELECT title FROM films f WHERE EXISTS (SELECT 1 FROM screenings s WHERE s.mood = f.mood)

-- a function nobody has
SELECT forecast(budget) FROM films

-- a JSON arrow inside a call is not a lambda
SELECT titles, upper(info->'lang') FROM films

-- a month by its name
SELECT screening_id FROM screenings WHERE starts = 'May'

-- no such month
SELECT screening_id FROM screenings WHERE starts = '2023-13'

-- Which films did the director Ada Lien make: of two keys the one that the question names
SELECT title FROM films WHERE full_name = 'Ada Lien'

-- Which films did Bo Rossi work on as producer
SELECT title FROM films WHERE full_name = 'Bo Rossi'

-- people and the name of their home country
SELECT full_name, countries.name FROM people

-- how many films have a genre: each film counts once though it has several
SELECT count(*) FROM films WHERE genre_name IN ('Drama', 'Comedy')

-- total budget of comedies and dramas: nothing is added twice
SELECT sum(budget) FROM films WHERE genre_name IN ('Drama', 'Comedy') AND "year" >= 2020

-- films per genre: films are counted, not rows
SELECT genre_name, count(*) FROM films GROUP BY genre_name

-- points per film title
SELECT title, sum(points) FROM films GROUP BY title

-- by country of birth: names that both tables have stay with theirs
SELECT id, title FROM films JOIN people ON director_id = people.id WHERE countries.area_km2 > 350 AND born IS NOT NULL

-- a missing group
SELECT title, "year", sum(visitors) FROM films JOIN screenings ON film_id = filmId GROUP BY title

-- no group at all
SELECT film_id, count(*) FROM screenings

-- the film with the largest budget
SELECT title, max(budget) FROM films

-- ordered by an aggregate without groups
SELECT film_id FROM screenings ORDER BY count(*) DESC LIMIT 1

-- a join past the table between
SELECT g.genre_name, avg(f.budget) FROM films f JOIN genres g ON f.filmId = g.film_id GROUP BY g.genre_name

-- the title of the votes: a column of a table that is used beside the one written
SELECT v.title FROM films f JOIN "jury votes" v ON f.filmId = v.film_id WHERE f."year" = 2019
