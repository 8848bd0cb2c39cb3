-- Slips of spelling, alias, dialect and key that one reading explains. Each is followed, after `-- means`, by that reading.

-- database
CREATE TABLE members (member_id INTEGER PRIMARY KEY, full_name VARCHAR, home_city VARCHAR, joined DATE, is_active BOOLEAN);
INSERT INTO members VALUES (1, 'Ada Lind', 'Bergen', '2023-01-10', true), (2, 'Bo Rask', 'Oslo', '2024-02-11', false), (3, 'Cy Moe', 'Oslo', '2024-06-01', true);
CREATE TABLE loans (loan_id INTEGER PRIMARY KEY, member_id INTEGER NOT NULL REFERENCES members (member_id), book_id INTEGER, lent DATE, quantity INTEGER, remarks VARCHAR);
INSERT INTO loans VALUES (1, 1, 1, '2024-03-01', 2, 'a'), (2, 1, 2, '2024-03-15', 1, 'b'), (3, 2, 1, '2025-01-02', 4, NULL);
CREATE TABLE books (id INTEGER PRIMARY KEY, title VARCHAR, publisher_id INTEGER, price VARCHAR, published VARCHAR);
INSERT INTO books VALUES (1, 'Fjord', 1, '12.50', '2001-05-01'), (2, 'Heath', 2, '8', '2010-01-01');
CREATE TABLE publishers (id INTEGER PRIMARY KEY, publisher_name VARCHAR, founded INTEGER);
INSERT INTO publishers VALUES (1, 'North', 1990), (2, 'South', 2003);
CREATE TABLE "Reading Rooms" ("Room No" INTEGER, "Seats" INTEGER);
INSERT INTO "Reading Rooms" VALUES (1, 20), (2, 35);

-- How many members joined in 2024?
SELECT count(*) FROM members WHERE joined = '2024'
-- means
SELECT count(*) FROM members WHERE year(joined) = 2024

-- How many members joined in 2024, as a number?
SELECT count(*) FROM members WHERE joined = 2024
-- means
SELECT count(*) FROM members WHERE year(joined) = 2024

-- Who joined before 2024?
SELECT full_name FROM members WHERE joined < 2024
-- means
SELECT full_name FROM members WHERE year(joined) < 2024

-- Who joined in 2023 or 2024?
SELECT full_name FROM members WHERE joined BETWEEN 2023 AND 2024
-- means
SELECT full_name FROM members WHERE year(joined) IN (2023, 2024)

-- Who joined in one of these years?
SELECT full_name FROM members WHERE joined IN (2022, 2024)
-- means
SELECT full_name FROM members WHERE year(joined) IN (2022, 2024)

-- Which loans were made in March 2024?
SELECT loan_id FROM loans WHERE lent = '2024-03'
-- means
SELECT loan_id FROM loans WHERE lent BETWEEN DATE '2024-03-01' AND DATE '2024-03-31'

-- What quantity was lent in all?
SELECT sum(quantiyt) FROM loans
-- means
SELECT sum(quantity) FROM loans

-- Wie viele Stück wurden verliehen?
SELECT sum(qunatity) FROM loans
-- means
SELECT sum(quantity) FROM loans

-- What is the quantity of each loan?
SELECT loan_id, quanity FROM loans
-- means
SELECT loan_id, quantity FROM loans

-- Show the publisher of each book
SELECT p.publsher_name FROM publishers p
-- means
SELECT publisher_name FROM publishers

-- Which books did publishers publish?
SELECT title FROM boosk
-- means
SELECT title FROM books

-- Full names of the members
SELECT FullName FROM Members
-- means
SELECT full_name FROM members

-- full names of the members again
SELECT fullname FROM member
-- means
SELECT full_name FROM members

-- How many seats do the reading rooms have?
SELECT sum(seat) FROM reading_rooms
-- means
SELECT sum("Seats") FROM "Reading Rooms"

-- seats by room
SELECT room_no, seats FROM ReadingRooms
-- means
SELECT "Room No", "Seats" FROM "Reading Rooms"

-- Quantity lent by city
SELECT home_city, sum(quantity) FROM loans GROUP BY home_city
-- means
SELECT home_city, sum(quantity) FROM loans JOIN members USING (member_id) GROUP BY home_city

-- How many loans went to Oslo?
SELECT count(*) FROM loans WHERE home_city = 'Oslo'
-- means
SELECT 1

-- How many loans went to Bergen, with the table's name?
SELECT count(*) FROM loans WHERE members.home_city = 'Bergen'
-- means
SELECT 2

-- The loans and the member's full name
SELECT loan_id, members.full_name FROM loans
-- means
SELECT loan_id, full_name FROM loans JOIN members USING (member_id)

-- Books and their publishers' names
SELECT title, publisher_name FROM books
-- means
SELECT title, publisher_name FROM books JOIN publishers ON publisher_id = publishers.id

-- Menge nach Ort
SELECT home_city, sum(quantity) FROM loans l GROUP BY home_city ORDER BY 2 DESC
-- means
SELECT home_city, sum(quantity) FROM loans JOIN members USING (member_id) GROUP BY home_city

-- What is each book called?
SELECT book_title FROM books
-- means
SELECT title FROM books

-- Wie heißen die Verlage?
SELECT name FROM publishers
-- means
SELECT publisher_name FROM publishers

-- Quand a-t-on prêté à Ada Lind?
SELECT m.lent FROM members m JOIN loans l ON m.member_id = l.member_id WHERE l.full_name = 'Ada Lind'
-- means
SELECT lent FROM loans WHERE member_id = 1

-- Quantity by member
SELECT l.full_name, sum(m.quantity) FROM loans l JOIN members m ON l.member_id = m.member_id GROUP BY l.full_name
-- means
SELECT full_name, sum(quantity) FROM loans JOIN members USING (member_id) GROUP BY full_name

-- Loans by the table's name in place of the alias
SELECT loans.loan_id FROM loans AS l WHERE loans.quantity > 1
-- means
SELECT loan_id FROM loans WHERE quantity > 1

-- Loans by an alias that is not there
SELECT T3.full_name FROM loans AS T1 JOIN members AS T2 ON T1.member_id = T2.member_id WHERE T1.quantity > 3
-- means
SELECT 'Bo Rask'

-- Loans joined on another name of the key
SELECT m.full_name, l.lent FROM loans l JOIN members m ON l.borrower = m.member_id
-- means
SELECT full_name, lent FROM loans JOIN members USING (member_id)

-- Members, the key bare
SELECT member_id, full_name, count(*) FROM members m JOIN loans l ON m.member_id = l.member_id GROUP BY member_id, full_name
-- means
SELECT member_id, full_name, count(*) FROM members JOIN loans USING (member_id) GROUP BY ALL

-- Loans of each member, by key
SELECT m.member_id, m.full_name, count(*) FROM members m JOIN loans l ON m.member_id = l.member_id GROUP BY m.member_id
-- means
SELECT member_id, full_name, count(*) FROM members JOIN loans USING (member_id) GROUP BY ALL

-- Cities with more than one member
SELECT home_city FROM members WHERE count(*) > 1 GROUP BY home_city
-- means
SELECT 'Oslo'

-- Loans of more than the average quantity
SELECT loan_id FROM loans WHERE quantity > avg(quantity)
-- means
SELECT loan_id FROM loans WHERE quantity > (SELECT avg(quantity) FROM loans)

-- Members of Oslo
SELECT full_name FROM members WHERE home_city = "Oslo"
-- means
SELECT full_name FROM members WHERE home_city = 'Oslo'

-- Aktive Mitglieder
SELECT full_name FROM members WHERE is_active = 'ja'
-- means
SELECT full_name FROM members WHERE is_active

-- Total price of the books
SELECT sum(price) FROM books
-- means
SELECT 20.5

-- Books by year of publication
SELECT year(published), count(*) FROM books GROUP BY 1
-- means
SELECT year(published::DATE), count(*) FROM books GROUP BY 1

-- Books published after 2005
SELECT title FROM books WHERE published > DATE '2005-01-01'
-- means
SELECT 'Heath'

-- Year of foundation
SELECT year(founded) FROM publishers
-- means
SELECT founded FROM publishers

-- Loans of Ada Lind by a key that is a number
SELECT count(*) FROM loans WHERE member_id = 'Ada Lind'
-- means
SELECT 2

-- Who joined in a month, by text
SELECT full_name FROM members WHERE joined LIKE '2024-02%'
-- means
SELECT 'Bo Rask'

-- The first two members
SELECT TOP 2 full_name FROM members ORDER BY full_name
-- means
SELECT full_name FROM members ORDER BY full_name LIMIT 2

-- Members by month
SELECT DATE_FORMAT(joined, '%Y-%m') AS month, count(*) FROM members GROUP BY month
-- means
SELECT strftime(joined, '%Y-%m') AS month, count(*) FROM members GROUP BY month

-- Members' full years
SELECT TIMESTAMPDIFF(YEAR, joined, DATE '2025-01-09') FROM members
-- means
SELECT date_sub('year', joined, DATE '2025-01-09') FROM members

-- Anzahl nach Ort, sortiert
SELECT home_city, count(*) AS anzahl_mitglieder FROM members GROUP BY home_city ORDER BY AnzahlMitglieder
-- means
SELECT home_city, count(*) FROM members GROUP BY home_city

-- Members in backticks
SELECT `full_name` FROM `members` LIMIT 1, 1
-- means
SELECT 'Bo Rask'

-- Members in brackets
SELECT [full_name] FROM [members] WHERE [member_id] = 3
-- means
SELECT 'Cy Moe'

-- Words after the query
SELECT count(*) FROM members;

This query counts the members.
-- means
SELECT 3

-- database
CREATE TABLE kunden (kunden_nr INTEGER PRIMARY KEY, name VARCHAR, ort VARCHAR, "größe" INTEGER);
INSERT INTO kunden VALUES (1, 'Anna', 'Köln', 170), (2, 'Bernd', 'Ulm', 180);
CREATE TABLE bestellungen (id INTEGER PRIMARY KEY, kunden_nr INTEGER REFERENCES kunden (kunden_nr), betrag DECIMAL(8,2), bestellt_am DATE);
INSERT INTO bestellungen VALUES (1, 1, 10, '2024-01-01'), (2, 1, 20, '2024-02-01'), (3, NULL, 5, '2024-02-02');
CREATE TABLE commandes (id INTEGER PRIMARY KEY, montant DECIMAL(8,2), passee_le DATE);
INSERT INTO commandes VALUES (1, 15, '2024-01-01'), (2, 25, '2024-05-01');
CREATE TABLE ciudades (id INTEGER PRIMARY KEY, nombre VARCHAR, poblacion INTEGER);
INSERT INTO ciudades VALUES (1, 'León', 120), (2, 'Vigo', 290);

-- Wie viele Kunden gibt es?
SELECT count(*) FROM kunde
-- means
SELECT 2

-- Betrag nach Ort: eine Bestellung ohne Kunden bleibt
SELECT ort, sum(betrag) FROM bestellungen GROUP BY ort
-- means
SELECT ort, sum(betrag) FROM bestellungen LEFT JOIN kunden USING (kunden_nr) GROUP BY ort

-- Wie groß sind die Kunden?
SELECT name, groesse FROM kunden WHERE ort = 'Ulm'
-- means
SELECT 'Bernd', 180

-- Wie groß sind die Kunden? ohne Umlaut
SELECT name, grosse FROM kunden WHERE ort = 'Ulm'
-- means
SELECT 'Bernd', 180

-- Namen der Kunden
SELECT kunden_name FROM kunden
-- means
SELECT name FROM kunden

-- Quel est le montant total des commandes?
SELECT sum(motant) FROM commande
-- means
SELECT 40

-- Quel est le montant des commandes de mai?
SELECT sum(montant) FROM commandes WHERE passee_le = '2024-05'
-- means
SELECT 25

-- ¿Cuál es la población total?
SELECT sum("población") FROM ciudad
-- means
SELECT 410

-- ¿Cómo se llaman las ciudades?
SELECT ciudad_nombre FROM ciudades
-- means
SELECT nombre FROM ciudades

-- database
CREATE SCHEMA depot;
CREATE TABLE depot.sites (id INTEGER PRIMARY KEY, town VARCHAR);
INSERT INTO depot.sites VALUES (1, 'Lund'), (2, 'Ystad');
CREATE TABLE depot.pallets (id INTEGER PRIMARY KEY, site_id INTEGER NOT NULL REFERENCES depot.sites (id), boxes INTEGER);
INSERT INTO depot.pallets VALUES (1, 1, 3), (2, 2, 4), (3, 1, 6);
CREATE TABLE "stock.list" (id INTEGER, pieces VARCHAR);
INSERT INTO "stock.list" VALUES (1, '3'), (2, '4');

-- How many boxes are there?
SELECT sum(boxes) FROM pallets
-- means
SELECT 13

-- Boxes by town
SELECT town, sum(boxes) FROM depot.pallets GROUP BY town
-- means
SELECT town, sum(boxes) FROM depot.pallets p JOIN depot.sites s ON p.site_id = s.id GROUP BY town

-- How many pieces does the list have?
SELECT sum(pieces) FROM stock_list
-- means
SELECT 7
