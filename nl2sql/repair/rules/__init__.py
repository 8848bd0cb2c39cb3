"""The rules: one module for each class of fault. A rule makes one change, or none where another reading is left.

The examples are about a small shop: customers(id, name, city, joined, vip), orders(id, customer_id, placed, total,
quantity, note), order_lines(id, order_id, product, price), and reviews(id, product, stars, written). In them `repair`
stands for the whole pipeline: it prints the repaired query, or nothing. A question may be its second argument.
"""
