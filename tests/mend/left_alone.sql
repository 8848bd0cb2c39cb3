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
