-- A small shop, which the examples in the rules' docstrings are about.
CREATE TABLE customers(id INTEGER PRIMARY KEY, name VARCHAR, city VARCHAR, joined DATE, vip BOOLEAN);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers(id), placed DATE, total DECIMAL(10,2), quantity INTEGER, note VARCHAR);
CREATE TABLE order_lines(id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders(id), product VARCHAR, price VARCHAR);
CREATE TABLE reviews(id INTEGER, product VARCHAR, stars VARCHAR, written VARCHAR);
CREATE TABLE suppliers(id INTEGER PRIMARY KEY, founded INTEGER);
CREATE TABLE queue(id INTEGER PRIMARY KEY, "order" INTEGER);
INSERT INTO customers VALUES (1,'Ada','Rome','2023-01-02',true),(2,'Bo','Oslo','2024-02-03',false);
INSERT INTO orders VALUES (1,1,'2024-03-01',5,1,'x'),(2,1,'2024-04-01',6,2,'y'),(3,2,'2025-01-01',7,3,NULL);
INSERT INTO order_lines VALUES (1,1,'tea','2.50'),(2,2,'mug','7');
INSERT INTO reviews VALUES (1,'tea','5','2024-01-01'),(2,'mug','4','2024-02-01');
INSERT INTO suppliers VALUES (1,1999),(2,2004);
