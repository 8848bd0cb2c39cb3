-- SQL that does not run and that more than one reading fits: it goes back to the model, and nothing is answered by itself.

-- database
CREATE TABLE airports (code VARCHAR PRIMARY KEY, city VARCHAR, runways INTEGER);
INSERT INTO airports VALUES ('OSL', 'Oslo', 2), ('FRA', 'Frankfurt', 4), ('MAD', 'Madrid', 4);
CREATE TABLE flights (id INTEGER PRIMARY KEY, origin VARCHAR REFERENCES airports (code), destination VARCHAR REFERENCES airports (code), delay VARCHAR, fare VARCHAR, flown VARCHAR, booked VARCHAR, seats INTEGER);
INSERT INTO flights VALUES (1, 'OSL', 'FRA', '10', '1,200.50', '2024-01-01', '03/04/2024', 100), (2, 'FRA', 'MAD', '5 min', '99', '2024-02-01', '2024-04-05', 150), (3, 'OSL', 'MAD', '', '80', '2024-03-01', '2024-04-06', 80);
CREATE TABLE passengers (id INTEGER PRIMARY KEY, flight_id INTEGER REFERENCES flights (id), meal VARCHAR, bags INTEGER, weight VARCHAR);
INSERT INTO passengers VALUES (1, 1, 'vegan', 2, '1.234'), (2, 1, 'none', 0, '2.500'), (3, 2, 'vegan', 1, '3.125');
CREATE TABLE crews (id INTEGER, flight_id INTEGER, captain VARCHAR);
INSERT INTO crews VALUES (1, 1, 'Ann'), (2, 9, 'Bo');
CREATE TABLE upgrades (passenger_id INTEGER, old_seat VARCHAR, new_seat VARCHAR, cabin VARCHAR);
INSERT INTO upgrades VALUES (1, '10A', '1A', 'first');
CREATE TABLE staff (id INTEGER PRIMARY KEY, name VARCHAR, boss_id INTEGER REFERENCES staff (id), airport VARCHAR REFERENCES airports (code));
INSERT INTO staff VALUES (1, 'Ann', NULL, 'OSL');
INSERT INTO staff VALUES (2, 'Bo', 1, 'OSL');

-- Flights by city: from, or to?
SELECT city, count(*) FROM flights GROUP BY city

-- Flüge nach Stadt
SELECT city, count(*) FROM flights GROUP BY city

-- How many flights are without vegan meals?
SELECT count(*) FROM flights WHERE meal <> 'vegan'

-- How many flights have vegan meals?
SELECT count(*) FROM flights WHERE meal = 'vegan'

-- Seats of the flights with vegan meals
SELECT sum(seats) FROM flights WHERE meal = 'vegan'

-- Seats by meal
SELECT meal, sum(seats) FROM flights GROUP BY meal

-- Meals and flights
SELECT id, meal FROM flights

-- The highest number of seats for all destinations
SELECT destination, max(seats) FROM flights

-- Sitze je Ziel
SELECT destination, sum(seats) FROM flights

-- Count of flights and destinations
SELECT destination, count(*) FROM flights ORDER BY 1

-- The destination with the most flights
SELECT destination FROM flights ORDER BY count(*) DESC LIMIT 1

-- Bags by meal and flight
SELECT meal, flight_id, sum(bags) FROM passengers GROUP BY meal

-- Flights with many seats from Oslo
SELECT id FROM flights WHERE origin = 'OSL' AND seats > avg(seats)

-- Total delay
SELECT sum(delay) FROM flights

-- Total fare
SELECT sum(fare) FROM flights

-- Gesamtgewicht
SELECT sum(weight) FROM passengers

-- Bookings by year
SELECT year(booked), count(*) FROM flights GROUP BY 1

-- Flights booked after March
SELECT id FROM flights WHERE booked > DATE '2024-03-31'

-- Fares above a hundred
SELECT id FROM flights WHERE fare > 100

-- Captains of each flight
SELECT captain, count(*) FROM flights GROUP BY captain

-- Crews by destination, over a key that does not hold
SELECT destination, count(*) FROM crews GROUP BY destination

-- Which staff has which boss?
SELECT s.name, m.name FROM staff s

-- Bosses
SELECT m.name FROM staff s WHERE m.id = s.boss_id

-- The runways that flights use
SELECT sum(runways) FROM flights

-- Average runways
SELECT avg(runways) FROM staff

-- Staff and their cities
SELECT name, city FROM staff

-- The id of staff and airports
SELECT id FROM staff s JOIN flights f ON s.airport = f.origin

-- Ambiguous id in a condition
SELECT captain FROM crews c JOIN flights f ON c.flight_id = f.id WHERE id = 1

-- Left join, ambiguous key
SELECT flight_id FROM flights f LEFT JOIN passengers p ON p.flight_id = f.id LEFT JOIN crews c ON c.flight_id = f.id

-- Names of the airports
SELECT a.name FROM airports a JOIN staff s ON s.airport = a.code WHERE s.name = 'Ann'

-- Passengers of the cabin
SELECT cabin, count(*) FROM passengers GROUP BY cabin

-- New seats of passengers
SELECT seat FROM upgrades

-- Two statements
SELECT count(*) FROM flights; DELETE FROM flights

-- Half a query
SELECT count(*) FROM flights WHERE

-- A function nobody has
SELECT forecast(seats) FROM flights

-- A month by its name
SELECT name FROM staff JOIN flights ON airport = origin WHERE flown::DATE = 'May'

-- No such month
SELECT id FROM flights WHERE flown::DATE = '2024-13'

-- A key compared with a name that nobody has
SELECT count(*) FROM passengers WHERE flight_id = 'Berlin'

-- Number of columns of a union
SELECT id FROM flights UNION SELECT id, name FROM staff

-- A table beside a table
SELECT count(*) FROM flight_passengers

-- Grouped by a column that is in no table
SELECT gate, count(*) FROM flights GROUP BY gate
