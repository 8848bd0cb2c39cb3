-- The tables and views of Larkmoor Coffee, the sample company.
-- No rows are written here: see lookups.sql for the fixed ones and generate.py for the rest.

CREATE TABLE countries (
    country_code VARCHAR PRIMARY KEY,
    country_name VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    vat_rate DECIMAL(4, 1) NOT NULL,
    launched_on DATE,
    "order" INTEGER NOT NULL
);
COMMENT ON TABLE countries IS 'Countries the company sells in or plans to sell in';
COMMENT ON COLUMN countries.country_code IS 'Two-letter country code';
COMMENT ON COLUMN countries.country_name IS 'Name in English';
COMMENT ON COLUMN countries.region IS 'Sales region: Central, North, South or West';
COMMENT ON COLUMN countries.vat_rate IS 'Standard VAT in percent; no amount in this database includes VAT';
COMMENT ON COLUMN countries.launched_on IS 'First day of sales; empty while the country is only planned';
COMMENT ON COLUMN countries."order" IS 'Position in reports, 1 first';

CREATE TABLE channels (
    channel_code VARCHAR PRIMARY KEY,
    channel_name VARCHAR NOT NULL,
    is_online BOOLEAN NOT NULL,
    launched_on DATE NOT NULL,
    "order" INTEGER NOT NULL
);
COMMENT ON TABLE channels IS 'Ways an order can reach us: web shop, mobile app, store, wholesale';
COMMENT ON COLUMN channels.channel_code IS 'Three-letter code used on orders';
COMMENT ON COLUMN channels.channel_name IS 'Web shop, Mobile app, Store or Wholesale';
COMMENT ON COLUMN channels.is_online IS 'True for the web shop and the mobile app';
COMMENT ON COLUMN channels.launched_on IS 'First day the channel took orders';
COMMENT ON COLUMN channels."order" IS 'Position in reports, 1 first';

CREATE TABLE order_statuses (
    status_code VARCHAR PRIMARY KEY,
    status_name VARCHAR NOT NULL,
    is_final BOOLEAN NOT NULL,
    "order" INTEGER NOT NULL
);
COMMENT ON TABLE order_statuses IS 'The states an order goes through';
COMMENT ON COLUMN order_statuses.status_code IS 'Three-letter code used on orders';
COMMENT ON COLUMN order_statuses.status_name IS 'Placed, Packed, Shipped, Delivered, Sold in store or Cancelled';
COMMENT ON COLUMN order_statuses.is_final IS 'True when the order will not change any more';
COMMENT ON COLUMN order_statuses."order" IS 'Position in the life of an order, 1 first';

CREATE TABLE categories (
    category_id INTEGER PRIMARY KEY,
    category_name VARCHAR NOT NULL,
    category_group VARCHAR NOT NULL,
    "order" INTEGER NOT NULL
);
COMMENT ON TABLE categories IS 'Product categories';
COMMENT ON COLUMN categories.category_name IS 'Name of the category';
COMMENT ON COLUMN categories.category_group IS 'Coffee or Equipment';
COMMENT ON COLUMN categories."order" IS 'Position in the catalogue, 1 first';

CREATE TABLE stores (
    store_id INTEGER PRIMARY KEY,
    store_name VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    country_code VARCHAR NOT NULL REFERENCES countries (country_code),
    opened_on DATE NOT NULL,
    closed_on DATE,
    floor_area_sqm INTEGER NOT NULL,
    has_tasting_room BOOLEAN NOT NULL
);
COMMENT ON TABLE stores IS 'Our own shops for beans and equipment; cups sold at the bar are not recorded';
COMMENT ON COLUMN stores.store_name IS 'Name of the store';
COMMENT ON COLUMN stores.opened_on IS 'First day of business';
COMMENT ON COLUMN stores.closed_on IS 'Day the store closed; empty while it is open';
COMMENT ON COLUMN stores.floor_area_sqm IS 'Floor area in square metres';
COMMENT ON COLUMN stores.has_tasting_room IS 'True if the store has a tasting room';

CREATE TABLE employees (
    employee_id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    job_title VARCHAR NOT NULL,
    manager_id INTEGER REFERENCES employees (employee_id),
    store_id INTEGER REFERENCES stores (store_id),
    country_code VARCHAR NOT NULL REFERENCES countries (country_code),
    hired_on DATE NOT NULL,
    left_on DATE,
    monthly_salary DECIMAL(8, 2) NOT NULL
);
COMMENT ON TABLE employees IS 'Everyone who works or has worked here';
COMMENT ON COLUMN employees.job_title IS 'For instance Sales representative, Store manager or Barista';
COMMENT ON COLUMN employees.manager_id IS 'The employee this person reports to; empty for the managing director';
COMMENT ON COLUMN employees.store_id IS 'Store the person works in; empty for everyone else';
COMMENT ON COLUMN employees.country_code IS 'Country the person works in';
COMMENT ON COLUMN employees.hired_on IS 'First working day';
COMMENT ON COLUMN employees.left_on IS 'Last working day; empty while employed';
COMMENT ON COLUMN employees.monthly_salary IS 'Gross salary per month in EUR';

CREATE TABLE products (
    product_id INTEGER PRIMARY KEY,
    sku VARCHAR NOT NULL UNIQUE,
    product_name VARCHAR NOT NULL,
    category_id INTEGER NOT NULL REFERENCES categories (category_id),
    list_price DECIMAL(8, 2) NOT NULL,
    unit_cost DECIMAL(8, 2) NOT NULL,
    weight_g INTEGER,
    is_organic BOOLEAN NOT NULL,
    launched_on DATE NOT NULL,
    discontinued_on DATE
);
COMMENT ON TABLE products IS 'Coffee and equipment we sell, have sold or have announced';
COMMENT ON COLUMN products.sku IS 'Stock code, unique';
COMMENT ON COLUMN products.product_name IS 'Name with size';
COMMENT ON COLUMN products.category_id IS 'Category of the product';
COMMENT ON COLUMN products.list_price IS 'Current list price per piece in EUR';
COMMENT ON COLUMN products.unit_cost IS 'What one piece costs us in EUR';
COMMENT ON COLUMN products.weight_g IS 'Net weight in grams; empty for vouchers, which weigh nothing';
COMMENT ON COLUMN products.is_organic IS 'True for certified organic products';
COMMENT ON COLUMN products.launched_on IS 'First day on sale; may lie in the future';
COMMENT ON COLUMN products.discontinued_on IS 'Day it was taken off sale; empty while on sale';

CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY,
    customer_name VARCHAR NOT NULL,
    customer_type VARCHAR NOT NULL,
    email VARCHAR,
    city VARCHAR NOT NULL,
    country_code VARCHAR NOT NULL REFERENCES countries (country_code),
    sales_rep_id INTEGER REFERENCES employees (employee_id),
    marketing_opt_in BOOLEAN NOT NULL,
    signed_up_on DATE NOT NULL
);
COMMENT ON TABLE customers IS 'Registered customers; names are not unique';
COMMENT ON COLUMN customers.customer_name IS 'Name of the person or of the business';
COMMENT ON COLUMN customers.customer_type IS 'private or business; only business customers buy wholesale';
COMMENT ON COLUMN customers.email IS 'E-mail address; empty if the customer gave none';
COMMENT ON COLUMN customers.city IS 'City the customer lives in or has its business in';
COMMENT ON COLUMN customers.country_code IS 'Country of the customer';
COMMENT ON COLUMN customers.sales_rep_id IS 'Employee in charge; empty for private customers and unassigned businesses';
COMMENT ON COLUMN customers.marketing_opt_in IS 'True if we may send the newsletter';
COMMENT ON COLUMN customers.signed_up_on IS 'Day of registration';

CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER REFERENCES customers (customer_id),
    country_code VARCHAR NOT NULL REFERENCES countries (country_code),
    channel_code VARCHAR NOT NULL REFERENCES channels (channel_code),
    status_code VARCHAR NOT NULL REFERENCES order_statuses (status_code),
    store_id INTEGER REFERENCES stores (store_id),
    ordered_at TIMESTAMP NOT NULL,
    promised_on DATE,
    shipped_on DATE,
    is_gift BOOLEAN NOT NULL,
    promo_code VARCHAR,
    shipping_fee DECIMAL(6, 2) NOT NULL
);
COMMENT ON TABLE orders IS 'One row per order, cancelled ones included';
COMMENT ON COLUMN orders.customer_id IS 'Empty for store sales without a loyalty card';
COMMENT ON COLUMN orders.country_code IS 'Country of the sale';
COMMENT ON COLUMN orders.channel_code IS 'Way the order reached us';
COMMENT ON COLUMN orders.status_code IS 'State of the order today, 31 December 2025';
COMMENT ON COLUMN orders.store_id IS 'Store that made the sale; empty for the other channels';
COMMENT ON COLUMN orders.ordered_at IS 'Local date and time of the order';
COMMENT ON COLUMN orders.promised_on IS 'Delivery day promised to the customer; empty for store sales';
COMMENT ON COLUMN orders.shipped_on IS 'Day the goods left; empty if not shipped yet, cancelled or sold in a store';
COMMENT ON COLUMN orders.is_gift IS 'True if wrapped as a gift';
COMMENT ON COLUMN orders.promo_code IS 'Promotion used; empty if none';
COMMENT ON COLUMN orders.shipping_fee IS 'Shipping charged to the customer in EUR';

CREATE TABLE order_items (
    order_item_id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (order_id),
    line_no INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (product_id),
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(8, 2) NOT NULL,
    discount_amount DECIMAL(8, 2) NOT NULL
);
COMMENT ON TABLE order_items IS 'Lines of the orders; line amount = quantity * unit_price - discount_amount';
COMMENT ON COLUMN order_items.line_no IS 'Position of the line in its order, 1 first';
COMMENT ON COLUMN order_items.product_id IS 'Product ordered';
COMMENT ON COLUMN order_items.quantity IS 'Pieces ordered';
COMMENT ON COLUMN order_items.unit_price IS 'Price per piece at the time of the order in EUR';
COMMENT ON COLUMN order_items.discount_amount IS 'Discount on the whole line in EUR';

-- shipments.order_id has no constraint: the rows come from the carriers, not from our own system.
CREATE TABLE shipments (
    shipment_id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL,
    parcel_no INTEGER NOT NULL,
    carrier VARCHAR NOT NULL,
    shipped_at TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP,
    carrier_cost DECIMAL(6, 2) NOT NULL
);
COMMENT ON TABLE shipments IS 'Parcels as reported by the carriers; loaded up to 15 December 2025 so far';
COMMENT ON COLUMN shipments.order_id IS 'Order the parcel belongs to; an order may have two parcels';
COMMENT ON COLUMN shipments.parcel_no IS '1 for the first parcel of an order, 2 for the second';
COMMENT ON COLUMN shipments.carrier IS 'Name of the carrier';
COMMENT ON COLUMN shipments.shipped_at IS 'When the carrier took the parcel';
COMMENT ON COLUMN shipments.delivered_at IS 'Empty if the parcel has not arrived';
COMMENT ON COLUMN shipments.carrier_cost IS 'What the carrier charges us in EUR';

CREATE TABLE returns (
    return_id INTEGER PRIMARY KEY,
    order_item_id INTEGER NOT NULL REFERENCES order_items (order_item_id),
    returned_on DATE NOT NULL,
    quantity INTEGER NOT NULL,
    reason VARCHAR NOT NULL,
    refund_amount DECIMAL(8, 2),
    restocked BOOLEAN NOT NULL
);
COMMENT ON TABLE returns IS 'Goods sent or brought back, one row per order line';
COMMENT ON COLUMN returns.order_item_id IS 'Order line the goods came from';
COMMENT ON COLUMN returns.returned_on IS 'Day the goods came back';
COMMENT ON COLUMN returns.quantity IS 'Pieces returned';
COMMENT ON COLUMN returns.reason IS 'Reason the customer gave';
COMMENT ON COLUMN returns.refund_amount IS 'Money paid back in EUR; empty while the refund is pending';
COMMENT ON COLUMN returns.restocked IS 'True if the goods went back on the shelf';

CREATE TABLE "store targets" (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    "month" DATE NOT NULL,
    target_amount DECIMAL(10, 2) NOT NULL,
    PRIMARY KEY (store_id, "month")
);
COMMENT ON TABLE "store targets" IS 'Monthly sales target of each store';
COMMENT ON COLUMN "store targets"."month" IS 'First day of the month';
COMMENT ON COLUMN "store targets".target_amount IS 'Target for goods sold in EUR, after discounts, before returns';

CREATE VIEW order_totals AS
SELECT
    o.order_id,
    o.customer_id,
    o.country_code,
    o.channel_code,
    o.status_code,
    o.store_id,
    o.ordered_at,
    count(*) AS line_count,
    sum(i.quantity) AS pieces,
    CAST(sum(i.quantity * i.unit_price) AS DECIMAL(12, 2)) AS gross_amount,
    CAST(sum(i.discount_amount) AS DECIMAL(12, 2)) AS discount_amount,
    CAST(sum(i.quantity * i.unit_price - i.discount_amount) AS DECIMAL(12, 2)) AS net_amount
FROM orders AS o
JOIN order_items AS i ON i.order_id = o.order_id
GROUP BY ALL;
COMMENT ON VIEW order_totals IS 'One row per order, cancelled ones included, with its amounts in EUR';
COMMENT ON COLUMN order_totals.net_amount IS 'Goods after discounts, without shipping and before returns';

CREATE VIEW monthly_revenue AS
SELECT
    CAST(date_trunc('month', ordered_at) AS DATE) AS "month",
    country_code,
    channel_code,
    count(*) AS order_count,
    CAST(sum(net_amount) AS DECIMAL(12, 2)) AS revenue
FROM order_totals
WHERE status_code <> 'CAN'
GROUP BY ALL;
COMMENT ON VIEW monthly_revenue IS 'Revenue in EUR per month, country and channel';
COMMENT ON COLUMN monthly_revenue.revenue IS 'Goods after discounts, cancelled orders left out, before returns';
