-- Queries that name what the data does not have: no other thing may be taken for it. Each `database` block is followed by its questions.

-- database
CREATE TABLE patients (id INTEGER PRIMARY KEY, surname VARCHAR, admitted_on DATE, insurer VARCHAR, unpaid_bills INTEGER, height_cm INTEGER);
INSERT INTO patients VALUES (1, 'Abel', '2024-02-01', 'North', 2, 170), (2, 'Berg', '2024-05-03', 'South', 0, 181);
CREATE TABLE wards (id INTEGER PRIMARY KEY, name VARCHAR, beds_occupied INTEGER, phone VARCHAR);
INSERT INTO wards VALUES (1, 'A', 12, '100'), (2, 'B', 9, '200');
CREATE TABLE nurses (id INTEGER PRIMARY KEY, ward_id INTEGER REFERENCES wards (id), hours_planned INTEGER);
INSERT INTO nurses VALUES (1, 1, 38), (2, 1, 20), (3, 2, 38);

-- When was the last patient discharged?
SELECT max(discharged_on) FROM patients

-- How many bills are paid?
SELECT sum(paid_bills) FROM patients

-- What is the average weight of our patients?
SELECT avg(weight_cm) FROM patients

-- Who insures most patients abroad?
SELECT foreign_insurer, count(*) FROM patients GROUP BY foreign_insurer

-- How many beds are free?
SELECT sum(beds_free) FROM wards

-- What are the nurses called?
SELECT name FROM nurses

-- Which phone number does nurse 2 have?
SELECT phone FROM nurses WHERE id = 2

-- What are the nurses called, and which ward are they in?
SELECT n.name, w.name FROM nurses n JOIN wards w ON n.ward_id = w.id

-- Which nurse is called Ida, and in which ward is she?
SELECT w.name FROM nurses n JOIN wards w ON n.ward_id = w.id WHERE n.name = 'Ida'

-- Which phone number does each nurse have, and which ward?
SELECT n.phone, w.name FROM nurses n JOIN wards w ON n.ward_id = w.id

-- Which nurses are in the ward with the phone number 100?
SELECT n.name FROM nurses n JOIN wards w ON n.ward_id = w.id WHERE w.phone = '100'

-- Which patients live in the town that they call home?
SELECT surname FROM patients WHERE insurer = "home insurer"

-- Which patients are insured by their employer?
SELECT surname FROM patients WHERE insurer = "employer"

-- How many hours did the nurses work?
SELECT sum(hours_worked) FROM nurses

-- How many outpatients are there?
SELECT count(*) FROM outpatients

-- How many former patients are there?
SELECT count(*) FROM former_patients

-- How many patients does each ward have?
SELECT w.name, count(p.id) FROM wards w JOIN patients p ON p.ward_id = w.id GROUP BY w.name

-- What is the total of the beds that each nurse cares for?
SELECT sum(beds_occupied) FROM nurses

-- What are the ages of the patients?
SELECT age FROM patients

-- Wie groß ist die mittlere Breite der Patienten?
SELECT avg(width_cm) FROM patients

-- database
CREATE TABLE artikel (artikel_id INTEGER PRIMARY KEY, bezeichnung VARCHAR, verkaufspreis DECIMAL(8,2), rechnungsbetrag DECIMAL(8,2), vertragsnummer VARCHAR);
INSERT INTO artikel VALUES (1, 'Tasse', 4.50, 45, 'V1'), (2, 'Kanne', 19.90, 60, 'V2');
CREATE TABLE bestellungen (id INTEGER PRIMARY KEY, artikel_id INTEGER REFERENCES artikel (artikel_id), bestellt_am DATE, menge INTEGER);
INSERT INTO bestellungen VALUES (1, 1, '2024-01-05', 3), (2, 2, '2024-02-05', 1);

-- Wie hoch ist der mittlere Einkaufspreis?
SELECT avg(einkaufspreis) FROM artikel

-- Wie hoch ist der mittlere Preis im Einkauf?
SELECT avg(einkaufs_preis) FROM artikel

-- Was ist die Summe der Beiträge?
SELECT sum(rechnungsbeitrag) FROM artikel

-- Was ist die Summe der Abgaben?
SELECT sum(rechnungsbeitrag) FROM artikel

-- Wann wurde zuletzt geliefert?
SELECT max(geliefert_am) FROM bestellungen

-- Wie viele stornierte Bestellungen gibt es?
SELECT count(*) FROM stornierte_bestellungen

-- Wie viele Bestellungen sind offen?
SELECT count(*) FROM bestellungen WHERE status = 'offen'

-- Welche Antragsnummern gibt es?
SELECT antragsnummer FROM artikel

-- Wie hoch ist der Rabatt je Artikel?
SELECT bezeichnung, rabatt FROM artikel

-- Nenne die Ansprechpartner
SELECT kontakt FROM artikel

-- database
CREATE TABLE suppliers (supplier_id INTEGER PRIMARY KEY, supplier_name VARCHAR, contracts INTEGER, employer_id INTEGER, rating_q1 DOUBLE);
INSERT INTO suppliers VALUES (1, 'Alpha', 3, 10, 4.5), (2, 'Beta', 1, 11, 3.9);
CREATE TABLE shipments (id INTEGER PRIMARY KEY, supplier_id INTEGER REFERENCES suppliers (supplier_id), shipping_cost DECIMAL(8,2), received_at TIMESTAMP, gross_weight DOUBLE, ship_city VARCHAR, counties INTEGER, patents INTEGER, marital_status VARCHAR);
INSERT INTO shipments VALUES (1, 1, 12.5, '2024-01-01 10:00', 10, 'Oslo', 4, 2, 'single'), (2, 2, 7, '2024-03-01 09:00', 20, 'Rome', 6, 1, 'married');

-- Wie viele Ansprechpartner haben die Lieferanten?
SELECT sum(contacts) FROM suppliers

-- Combien de contacts avons-nous?
SELECT sum(contacts) FROM suppliers

-- ¿Cuál es el empleado?
SELECT employee_id FROM suppliers

-- What was the rating in the second quarter?
SELECT avg(rating_q2) FROM suppliers

-- What did shopping cost?
SELECT sum(shopping_cost) FROM shipments

-- Wie hoch waren die Einkaufskosten?
SELECT sum(shopping_cost) FROM shipments

-- Who is the receiver?
SELECT receiver_at FROM shipments

-- What is the net weight?
SELECT sum(net_weight) FROM shipments

-- To which city were they billed?
SELECT bill_city FROM shipments

-- How many countries are there?
SELECT sum(countries) FROM shipments

-- Combien de pays y a-t-il?
SELECT sum(countries) FROM shipments

-- How many patients are there?
SELECT sum(patients) FROM shipments

-- How many shipments came from each shipped city and billed one?
SELECT ship_city, count(*) FROM shipments WHERE ship_city = "bill_city" GROUP BY ship_city

-- How many martial arts are there?
SELECT martial_status FROM shipments

-- How many returned shipments are there?
SELECT count(*) FROM returned_shipments

-- How many shipments are in the archive?
SELECT count(*) FROM archive.shipments

-- database
CREATE TABLE comptes (id INTEGER PRIMARY KEY, titulaire VARCHAR, solde_initial DECIMAL(10,2), ouvert_le DATE, desactive BOOLEAN);
INSERT INTO comptes VALUES (1, 'Anne', 100, '2023-01-01', false), (2, 'Luc', 250, '2023-05-01', true);
CREATE TABLE empleados (id INTEGER PRIMARY KEY, nombre_completo VARCHAR, salario_bruto DECIMAL(10,2), fecha_ingreso DATE);
INSERT INTO empleados VALUES (1, 'Ana Ruiz', 2000, '2020-02-01'), (2, 'Luis Gil', 2500, '2021-03-01');

-- Quel est le solde final?
SELECT sum(solde_final) FROM comptes

-- Quand le dernier compte a-t-il été fermé?
SELECT max(ferme_le) FROM comptes

-- Quel est le solde moyen?
SELECT avg(solde) FROM comptes

-- Combien de comptes sont actifs?
SELECT count(*) FROM comptes WHERE active

-- ¿Cuál es el salario neto medio?
SELECT avg(salario_neto) FROM empleados

-- ¿Cuándo fue la última fecha de salida?
SELECT max(fecha_salida) FROM empleados

-- ¿Cuántos empleados jubilados hay?
SELECT count(*) FROM empleados_jubilados

-- database
CREATE TABLE teams (id INTEGER PRIMARY KEY, title VARCHAR, wins_away INTEGER);
INSERT INTO teams VALUES (1, 'Reds', 4), (2, 'Blues', 6);
CREATE TABLE players (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES teams (id), first_name VARCHAR, last_name VARCHAR, goals_against INTEGER);
INSERT INTO players VALUES (1, 1, 'Ann', 'Lee', 3), (2, 2, 'Bo', 'Ray', 5);
CREATE TABLE matches (id INTEGER PRIMARY KEY, winner_id INTEGER REFERENCES teams (id), loser_id INTEGER REFERENCES teams (id), winner_age INTEGER);
INSERT INTO matches VALUES (1, 1, 2, 20), (2, 2, 1, 25);

-- How many goals did the players score?
SELECT sum(goals_for) FROM players

-- How many home wins were there?
SELECT sum(wins_home) FROM teams

-- What are the winners called?
SELECT winner_name FROM matches

-- Which title does each match have?
SELECT title, count(*) FROM matches GROUP BY title

-- Name the players
SELECT name FROM players

-- Which position do players have in each team?
SELECT t.title, p.position FROM teams t JOIN players p ON p.team_id = t.id

-- How many matches were lost by age?
SELECT loser_age, count(*) FROM matches GROUP BY loser_age

-- How many drawn matches are there?
SELECT count(*) FROM drawn_matches

-- Wie viele Zuschauer kamen?
SELECT sum(attendance) FROM matches
