-- A lending library. The policy of the tests denies the table vault, the schema archive, members.pin and staff.wage.
CREATE TABLE members (member_id INTEGER PRIMARY KEY, name VARCHAR, joined DATE, branch VARCHAR, pin VARCHAR);
INSERT INTO members VALUES
  (1, 'Zoë Åberg', DATE '2023-01-09', 'north', '4711'), (2, 'Tomas O''Neil', DATE '2023-02-11', 'south', '0815'),
  (3, 'Ngozi', DATE '2024-03-02', 'north', '1234'), (4, 'Li', DATE '2024-05-30', NULL, '9999');
CREATE TABLE books (book_id INTEGER, title VARCHAR, pages INTEGER, price DECIMAL(8,2), subjects VARCHAR[],
  shelf STRUCT(room VARCHAR, place INTEGER), facts JSON);
INSERT INTO books VALUES
  (10, 'Tides', 120, 9.50, ['sea', 'moon'], {'room': 'A', 'place': 3}, '{"isbn": "x1", "sizes": [1, 2]}'),
  (11, 'Drop Table Cooking', 310, 24.00, ['food'], {'room': 'B', 'place': 1}, '{"isbn": "x2"}'),
  (12, 'Maps', NULL, 61.25, NULL, {'room': 'A', 'place': 9}, NULL);
CREATE TABLE loans (loan_id INTEGER, member_id INTEGER, book_id INTEGER, lent TIMESTAMP, returned TIMESTAMP,
  "order" INTEGER);
INSERT INTO loans SELECT i, i % 4 + 1, 10 + i % 3, TIMESTAMP '2024-01-05 10:00:00' + to_days((i * 9)::INTEGER),
  CASE WHEN i % 3 > 0 THEN TIMESTAMP '2024-01-05 10:00:00' + to_days((i * 9 + 5)::INTEGER) END, 100 - i
  FROM range(30) r(i);
CREATE TABLE "reading room" (seat INTEGER, "select" VARCHAR);
INSERT INTO "reading room" VALUES (1, 'window'), (2, 'door');
CREATE TABLE staff (staff_id INTEGER, name VARCHAR, role VARCHAR, wage DECIMAL(8,2));
INSERT INTO staff VALUES (1, 'Bea', 'desk', 2100.00), (2, 'Cem', 'shelves', 1990.00);
CREATE TABLE vault (code VARCHAR);
INSERT INTO vault VALUES ('opal-77');
CREATE SCHEMA archive;
CREATE TABLE archive.loans (loan_id INTEGER, secret VARCHAR);
INSERT INTO archive.loans VALUES (1, 'sealed-5');
CREATE VIEW lent_by_branch AS
  SELECT branch, count(*) AS lent FROM loans JOIN members USING (member_id) GROUP BY branch;
CREATE VIEW staff_roles AS SELECT name, role FROM staff;
CREATE VIEW staff_all AS SELECT * FROM staff;
CREATE VIEW codes AS SELECT code FROM vault;
CREATE MACRO top_code() AS (SELECT max(code) FROM vault);
CREATE MACRO roles(r) AS TABLE SELECT name, wage FROM staff WHERE role = r;
CREATE SEQUENCE tickets;
