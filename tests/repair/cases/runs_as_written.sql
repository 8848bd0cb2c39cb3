-- SQL that binds, and is right: it runs as it is, whatever words the question has, and a true zero stays one.

-- database
CREATE TABLE visitors (id INTEGER PRIMARY KEY, name VARCHAR, town VARCHAR, born DATE, is_member BOOLEAN);
INSERT INTO visitors SELECT i, 'Visitor ' || i, CASE WHEN i % 3 = 0 THEN 'Paris' ELSE 'Lyon' END, DATE '1970-01-01' + CAST(i * 100 AS INTEGER), i % 2 = 0 FROM range(1, 61) t(i);
UPDATE visitors SET name = 'Anna Weber' WHERE id IN (4, 8);
CREATE TABLE exhibitions (id INTEGER PRIMARY KEY, title VARCHAR, curator_id INTEGER, room VARCHAR);
INSERT INTO exhibitions VALUES (1, 'Ice', 1, 'east'), (2, 'Fire', 2, 'west'), (3, 'Air', 1, 'east');
CREATE TABLE curators (id INTEGER PRIMARY KEY, curator VARCHAR);
INSERT INTO curators VALUES (1, 'Mara'), (2, 'Nils');
CREATE TABLE tickets (id INTEGER PRIMARY KEY, visitor_id INTEGER REFERENCES visitors (id), exhibition_id INTEGER REFERENCES exhibitions (id), sold DATE, price DECIMAL(6,2), ship_town VARCHAR, bill_town VARCHAR);
INSERT INTO tickets SELECT i, (i % 20) + 1, (i % 3) + 1, DATE '2024-01-01' + CAST(i AS INTEGER), 10 + i % 5, 'Lyon', CASE WHEN i % 4 = 0 THEN 'Paris' ELSE 'Lyon' END FROM range(1, 121) t(i);
CREATE TABLE page_views (day DATE, page VARCHAR, count INTEGER);
INSERT INTO page_views VALUES ('2024-01-01', '/a', 10), ('2024-01-02', '/a', 20), ('2024-01-02', '/b', 5);

-- How many people called Anna Weber bought tickets?
SELECT count(DISTINCT t.visitor_id) FROM tickets t JOIN visitors v ON t.visitor_id = v.id WHERE v.name = 'Anna Weber'

-- Wie viele Besucher namens Anna Weber haben Karten gekauft?
SELECT count(DISTINCT t.visitor_id) FROM tickets t JOIN visitors v ON t.visitor_id = v.id WHERE v.name = 'Anna Weber'

-- Combien de personnes nommées Anna Weber sont venues?
SELECT count(DISTINCT t.visitor_id) FROM tickets t JOIN visitors v ON t.visitor_id = v.id WHERE v.name = 'Anna Weber'

-- ¿Cuántas personas llamadas Anna Weber vinieron?
SELECT count(DISTINCT t.visitor_id) FROM tickets t JOIN visitors v ON t.visitor_id = v.id WHERE v.name = 'Anna Weber'

-- On how many days was page /a seen?
SELECT count(*) FROM page_views WHERE page = '/a'

-- An wie vielen Tagen wurde /a aufgerufen?
SELECT count(*) FROM page_views WHERE page = '/a'

-- Which pages were seen on more than one day?
SELECT page FROM page_views GROUP BY page HAVING count(*) > 1

-- The name of the visitor for each purchase
SELECT v.name FROM visitors v JOIN tickets t ON t.visitor_id = v.id

-- Der Name zu jedem Kauf
SELECT v.name FROM visitors v JOIN tickets t ON t.visitor_id = v.id

-- Le nom pour chaque achat
SELECT v.name FROM visitors v JOIN tickets t ON t.visitor_id = v.id

-- Which visitors have bought something?
SELECT DISTINCT v.name FROM visitors v JOIN tickets t ON t.visitor_id = v.id

-- Whose exhibitions were sold most often? Give the curator's key.
SELECT e.curator_id FROM exhibitions e JOIN tickets t ON t.exhibition_id = e.id GROUP BY e.curator_id ORDER BY count(*) DESC LIMIT 1

-- The curator of exhibition 2
SELECT curator_id FROM exhibitions WHERE id = 2

-- The curators
SELECT curator_id FROM exhibitions

-- Wer ist der Kurator von Ausstellung 2?
SELECT curator_id FROM exhibitions WHERE id = 2

-- How many tickets were shipped to Paris?
SELECT count(*) FROM tickets WHERE ship_town = 'Paris'

-- Wie viele Karten gingen nach Paris?
SELECT count(*) FROM tickets WHERE ship_town = 'Paris'

-- What was spent on tickets shipped to Paris?
SELECT sum(price) FROM tickets WHERE ship_town = 'Paris'

-- Which visitors are called Anna Webber?
SELECT id FROM visitors WHERE name = 'Anna Webber'

-- How many are called Visitor 99?
SELECT count(*) FROM visitors WHERE name = 'Visitor 99'

-- How many come from Nice?
SELECT count(*) FROM visitors WHERE town = 'Nice'

-- Which exhibitions are in the north?
SELECT title FROM exhibitions WHERE room = 'north'

-- How many tickets were never sold?
SELECT count(*) FROM tickets WHERE sold IS NULL

-- How many tickets cost nothing?
SELECT count(*) FROM tickets WHERE price = 0

-- Exhibitions called like Water
SELECT title FROM exhibitions WHERE title LIKE 'Water%'

-- Visitors without a town
SELECT count(*) FROM visitors WHERE town = NULL

-- Visitors who are not from Lyon
SELECT count(*) FROM visitors WHERE town <> 'lyon'

-- How many tickets each town has
SELECT v.town, count(*) FROM tickets t JOIN visitors v ON t.visitor_id = v.id GROUP BY v.town

-- The most expensive ticket of each exhibition
SELECT exhibition_id, max(price) FROM tickets GROUP BY exhibition_id

-- The mean price
SELECT avg(price) FROM tickets

-- Rows of page views
SELECT count(*) FROM page_views

-- Views in all
SELECT sum(count) FROM page_views

-- How many curators are there?
SELECT count(DISTINCT curator_id) FROM exhibitions WHERE curator_id = 1

-- Members by year of birth
SELECT year(born), count(*) FROM visitors WHERE is_member GROUP BY 1

-- Towns of the visitors of each exhibition
SELECT e.title, v.town FROM exhibitions e JOIN tickets t ON t.exhibition_id = e.id JOIN visitors v ON v.id = t.visitor_id

-- Titles of exhibitions with tickets
SELECT e.title FROM exhibitions e JOIN tickets t ON t.exhibition_id = e.id

-- A subquery
SELECT name FROM visitors WHERE id IN (SELECT visitor_id FROM tickets WHERE price > 13)

-- A window
SELECT id, rank() OVER (ORDER BY price DESC, id) FROM tickets

-- A common table
WITH spent AS (SELECT visitor_id, sum(price) AS total FROM tickets GROUP BY visitor_id) SELECT max(total) FROM spent

-- Everything
SELECT * FROM exhibitions ORDER BY id

-- A union
SELECT town FROM visitors UNION SELECT bill_town FROM tickets

-- Tickets sold in 2024
SELECT count(*) FROM tickets WHERE year(sold) = 2023
