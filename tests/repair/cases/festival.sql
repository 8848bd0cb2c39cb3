-- A film festival: two keys to the same table, a many-to-many table, a key nobody declared, odd names, text for dates.
CREATE TABLE countries (code VARCHAR PRIMARY KEY, name VARCHAR, area_km2 INTEGER);
INSERT INTO countries VALUES ('NO', 'Norway', 385), ('IT', 'Italy', 301), ('KE', 'Kenya', 580), ('TL', 'East Timor', 15);
CREATE TABLE people (id INTEGER PRIMARY KEY, full_name VARCHAR, birth_country VARCHAR REFERENCES countries (code),
  home_country VARCHAR REFERENCES countries (code), born DATE, is_member BOOLEAN);
INSERT INTO people VALUES (1, 'Ada Lien', 'NO', 'IT', '1970-05-01', true), (2, 'Bo Rossi', 'IT', 'IT', '1981-02-03', false),
  (3, 'Cleo Otieno', 'KE', 'NO', '1990-11-30', true), (4, 'Dag Lien', 'NO', 'NO', NULL, NULL);
CREATE TABLE films (filmId INTEGER PRIMARY KEY, title VARCHAR, director_id INTEGER REFERENCES people (id),
  producer_id INTEGER REFERENCES people (id), "year" INTEGER, runtime VARCHAR, budget DECIMAL(10,2), released VARCHAR,
  details STRUCT(format VARCHAR, reels INTEGER), info JSON);
INSERT INTO films VALUES (10, 'Fjord', 1, 2, 2019, '95', 120.5, '2019-03-01', {'format': '35mm', 'reels': 5}, '{"lang": "no"}'),
  (11, 'Terra', 2, 2, 2020, '110', 300, '2020-07-15', {'format': 'digital', 'reels': 0}, '{"lang": "it"}'),
  (12, 'Savanna', 3, 1, 2020, '88', 210, '2020-09-09', {'format': 'digital', 'reels': 0}, '{"lang": "en"}'),
  (13, 'Ice', 1, 1, 2022, '120', 95, '2022-01-20', {'format': '35mm', 'reels': 6}, NULL);
CREATE TABLE genres (id INTEGER PRIMARY KEY, genre_name VARCHAR);
INSERT INTO genres VALUES (1, 'Drama'), (2, 'Comedy'), (3, 'Western');
CREATE TABLE film_genres (film_id INTEGER REFERENCES films (filmId), genre_id INTEGER REFERENCES genres (id),
  PRIMARY KEY (film_id, genre_id));
INSERT INTO film_genres VALUES (10, 1), (10, 2), (11, 1), (12, 2), (13, 1), (13, 2);
CREATE TABLE screenings (screening_id INTEGER PRIMARY KEY, film_id INTEGER, "hall no" INTEGER, starts TIMESTAMP,
  visitors INTEGER, price DECIMAL(6,2));
INSERT INTO screenings VALUES (1, 10, 1, '2023-05-01 18:00', 40, 9.5), (2, 10, 2, '2023-05-02 20:00', 55, 12),
  (3, 11, 1, '2023-05-02 18:00', 30, 9.5), (4, 12, 1, '2023-06-03 18:00', 80, 12), (5, 13, 2, '2023-06-03 20:30', 12, 9.5),
  (6, 13, 1, '2023-06-04 18:00', 33, 9.5);
CREATE TABLE "jury votes" (film_id INTEGER REFERENCES films (filmId), juror INTEGER REFERENCES people (id), points INTEGER,
  "order" INTEGER);
INSERT INTO "jury votes" VALUES (10, 3, 8, 1), (10, 4, 6, 2), (11, 3, 9, 3), (12, 4, 7, 4), (13, 4, 8, 5);
CREATE TABLE remarks (genre_id INTEGER, remark VARCHAR);
INSERT INTO remarks VALUES (1, 'long'), (1, 'loved'), (2, 'short');
CREATE TABLE "press.notes" (id INTEGER, film_id INTEGER, note VARCHAR);
INSERT INTO "press.notes" VALUES (1, 10, 'cold'), (2, 12, 'warm');
CREATE TABLE "group" (id INTEGER PRIMARY KEY, label VARCHAR);
INSERT INTO "group" VALUES (1, 'guests'), (2, 'staff');
CREATE SCHEMA office;
CREATE TABLE office.invoices (invoice_id INTEGER PRIMARY KEY, person_id INTEGER, amount DECIMAL(8,2), paid VARCHAR);
INSERT INTO office.invoices VALUES (1, 1, 100, 'yes'), (2, 1, 50, 'no'), (3, 3, 75, 'yes');
