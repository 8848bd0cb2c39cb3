-- Each block: a question, a query as a small model writes it, after `-- means` what it means. Both must give the same rows.

-- column on the wrong alias
SELECT p.title FROM films f JOIN people p ON f.director_id = p.id WHERE p.full_name = 'Ada Lien'
-- means
SELECT f.title FROM films f JOIN people p ON f.director_id = p.id WHERE p.full_name = 'Ada Lien'

-- a table's name where it has an alias
SELECT films.title FROM films AS f WHERE films.budget > 100
-- means
SELECT title FROM films WHERE budget > 100

-- an alias that was never defined
SELECT T1.title, T3.full_name FROM films AS T1 JOIN people AS T2 ON T1.director_id = T2.id
-- means
SELECT f.title, p.full_name FROM films f JOIN people p ON f.director_id = p.id

-- other case and separators
SELECT film_id, Title FROM films WHERE BUDGET > 100
-- means
SELECT filmId, title FROM films WHERE budget > 100

-- a column with a space, without it
SELECT hall_no, sum(visitors) FROM screenings GROUP BY hall_no
-- means
SELECT "hall no", sum(visitors) FROM screenings GROUP BY "hall no"

-- a table with a space, without it
SELECT sum(points) FROM jury_votes
-- means
SELECT sum(points) FROM "jury votes"

-- a table's singular
SELECT count(*) FROM screening
-- means
SELECT count(*) FROM screenings

-- a table in a schema, without it
SELECT sum(amount) FROM invoices
-- means
SELECT sum(amount) FROM office.invoices

-- the key by the table's name
SELECT title FROM films f JOIN people p ON f.director_id = p.person_id WHERE p.full_name = 'Bo Rossi'
-- means
SELECT title FROM films f JOIN people p ON f.director_id = p.id WHERE p.full_name = 'Bo Rossi'

-- a key nobody declared
SELECT remark, genre_name FROM remarks
-- means
SELECT remark, genre_name FROM remarks JOIN genres ON genre_id = id

-- the genre joined only half
SELECT g.genre_name FROM films f JOIN film_genres fg ON f.filmId = fg.film_id WHERE f.title = 'Ice'
-- means
SELECT genre_name FROM film_genres JOIN genres ON genre_id = id WHERE film_id = 13

-- a correlated query inside
SELECT full_name FROM people p WHERE EXISTS (SELECT 1 FROM films f WHERE f.directorid = p.id AND f.titles LIKE 'I%')
-- means
SELECT full_name FROM people WHERE id IN (SELECT director_id FROM films WHERE title LIKE 'I%')

-- columns of a CTE
WITH sold AS (SELECT film_id, sum(visitors) AS visitors_total FROM screenings GROUP BY film_id) SELECT film_id, visitor_total FROM sold
-- means
SELECT film_id, sum(visitors) FROM screenings GROUP BY film_id

-- both branches of a union
SELECT fullname FROM people UNION ALL SELECT titles FROM films
-- means
SELECT full_name FROM people UNION ALL SELECT title FROM films

-- a self join
SELECT a.title, b.title FROM films a JOIN films b ON a.director_id = b.director_id AND a.filmid < b.film_id
-- means
SELECT a.title, b.title FROM films a JOIN films b ON a.director_id = b.director_id AND a.filmId < b.filmId

-- a struct's field beside a misspelled column
SELECT titles, details.format FROM films WHERE details.reels > 0
-- means
SELECT title, details.format FROM films WHERE details.reels > 0

-- a lambda's parameter beside a misspelled column
SELECT titles, list_transform([1, 2], lambda x: x + 1) FROM films
-- means
SELECT title, [2, 3] FROM films

-- a JSON text beside a misspelled column
SELECT titles, info->>'lang' FROM films
-- means
SELECT title, info->>'lang' FROM films

-- a window beside a misspelled column
SELECT titles, rank() OVER (ORDER BY budget DESC) FROM films
-- means
SELECT title, rank() OVER (ORDER BY budget DESC) FROM films

-- HAVING on a misspelled column
SELECT film_id FROM screenings GROUP BY film_id HAVING sum(visitor) > 40
-- means
SELECT film_id FROM screenings GROUP BY film_id HAVING sum(visitors) > 40

-- ordered by the result's own column
SELECT title AS name, budgets FROM films ORDER BY name
-- means
SELECT title, budget FROM films

-- a text in double quotes
SELECT title FROM films WHERE title = "Ice"
-- means
SELECT title FROM films WHERE title = 'Ice'

-- a key compared with a name
SELECT title FROM films WHERE director_id = 'Ada Lien'
-- means
SELECT title FROM films WHERE director_id = 1

-- text computed with
SELECT avg(runtime) FROM films
-- means
SELECT avg(runtime::DOUBLE) FROM films

-- text compared with a number
SELECT title FROM films WHERE runtime + 0 > 100
-- means
SELECT title FROM films WHERE runtime::INTEGER > 100

-- the year of a text
SELECT title FROM films WHERE YEAR(released) = 2020
-- means
SELECT title FROM films WHERE released LIKE '2020%'

-- the year of a year
SELECT YEAR("year"), count(*) FROM films GROUP BY 1
-- means
SELECT "year", count(*) FROM films GROUP BY 1

-- SQLite's strftime on text
SELECT strftime('%Y', released) AS y, count(*) FROM films GROUP BY y
-- means
SELECT released[1:4], count(*) FROM films GROUP BY 1

-- LIKE on a date
SELECT full_name FROM people WHERE born LIKE '1990%'
-- means
SELECT full_name FROM people WHERE year(born) = 1990

-- a part of a date as text
SELECT SUBSTR(born, 1, 4) AS y FROM people
-- means
SELECT CAST(year(born) AS VARCHAR) FROM people

-- an aggregate in WHERE, with groups
SELECT film_id FROM screenings WHERE sum(visitors) > 40 GROUP BY film_id
-- means
SELECT film_id FROM screenings GROUP BY film_id HAVING sum(visitors) > 40

-- an aggregate in WHERE, without
SELECT title FROM films WHERE budget > avg(budget)
-- means
SELECT title FROM films WHERE budget > (SELECT avg(budget) FROM films)

-- an aggregate's alias in WHERE
SELECT film_id, sum(visitors) AS total FROM screenings WHERE total > 40 GROUP BY film_id
-- means
SELECT film_id, sum(visitors) AS total FROM screenings GROUP BY film_id HAVING total > 40

-- TOP
SELECT TOP 2 title FROM films ORDER BY budget DESC
-- means
SELECT title FROM films ORDER BY budget DESC LIMIT 2

-- the limit after the offset
SELECT title FROM films ORDER BY budget LIMIT 1, 2
-- means
SELECT title FROM films ORDER BY budget LIMIT 2 OFFSET 1

-- square brackets
SELECT [hall no] FROM [screenings]
-- means
SELECT "hall no" FROM screenings

-- DATE_FORMAT
SELECT DATE_FORMAT(starts, '%Y-%m') AS m, sum(visitors) FROM screenings GROUP BY m
-- means
SELECT strftime(starts, '%Y-%m') AS m, sum(visitors) FROM screenings GROUP BY m

-- TO_CHAR
SELECT DISTINCT TO_CHAR(starts, 'YYYY-MM') FROM screenings
-- means
SELECT DISTINCT strftime(starts, '%Y-%m') FROM screenings

-- DATEDIFF without a unit
SELECT DATEDIFF(max(starts), min(starts)) FROM screenings
-- means
SELECT date_diff('day', min(starts), max(starts)) FROM screenings

-- TIMESTAMPDIFF
SELECT TIMESTAMPDIFF(YEAR, born, DATE '2024-01-01') FROM people
-- means
SELECT date_sub('year', born, DATE '2024-01-01') FROM people

-- a separator
SELECT GROUP_CONCAT(title SEPARATOR ', ') FROM films WHERE "year" = 2019
-- means
SELECT 'Fjord'

-- a reserved word as a table
SELECT label FROM group ORDER BY label
-- means
SELECT label FROM "group"

-- words after the query
SELECT count(*) FROM films;

This query doesn't look at genres; it counts every film.
-- means
SELECT 4

-- in a fence
```sql
SELECT count(*) FROM films
```
It counts.
-- means
SELECT 4

-- a month where a day is needed
SELECT screening_id FROM screenings WHERE starts = '2023-05'
-- means
SELECT screening_id FROM screenings WHERE year(starts) = 2023 AND month(starts) = 5

-- a year where a day is needed
SELECT full_name FROM people WHERE born >= '1980' AND '1990' > born
-- means
SELECT full_name FROM people WHERE born >= DATE '1980-01-01' AND born < DATE '1990-01-01'

-- a month and a day around it
SELECT screening_id FROM screenings WHERE starts BETWEEN '2023-05-02' AND '2023-06'
-- means
SELECT screening_id FROM screenings WHERE starts >= DATE '2023-05-02' AND starts < DATE '2023-07-01'

-- the last month of a year, of a cut date
SELECT screening_id FROM screenings WHERE date_trunc('month', starts) <= '2023-12'
-- means
SELECT screening_id FROM screenings WHERE starts < DATE '2024-01-01'

-- any month but this one, or one of two
SELECT screening_id FROM screenings WHERE starts != '2023-05' OR starts IN ('2023-05', '2023-06-01')
-- means
SELECT screening_id FROM screenings

-- after a year
SELECT full_name FROM people WHERE born > '1980'
-- means
SELECT full_name FROM people WHERE born >= DATE '1981-01-01'
