"""Write the sample company, Larkmoor Coffee, into a DuckDB file: the same rows on every machine and Python version.

It reads no clock, no network and no file outside its own folder, and it never leaves a half-written file behind.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb

if TYPE_CHECKING:
    from sample_data import larkmoor
else:
    # This file is loaded by its path, so a plain import would not find the module beside it.
    _spec = spec_from_file_location("larkmoor", Path(__file__).with_name("larkmoor.py"))
    larkmoor = module_from_spec(_spec)
    _spec.loader.exec_module(larkmoor)

DAY_SECONDS, NOON_SECONDS = 86_400, 43_200
LAST_SHIPMENT_DAY = larkmoor.count_days(2025, 12, 15)
LAST_REFUND_DAY = larkmoor.count_days(2025, 12, 12)
ONLINE = ("WEB", "APP")


class Order(NamedTuple):
    """A row of orders: days are counted from 1970-01-01, times are in seconds, money is in cents."""

    order_id: int
    customer_id: int | None
    country: str
    channel: str
    status: str
    store_id: int | None
    ordered_at: int
    promised: int | None
    shipped: int | None
    is_gift: bool
    promo: str | None
    shipping_fee: int


class Sale(NamedTuple):
    """An order with its lines, its carrier, and the day it was delivered; None where it was not."""

    order: Order
    lines: list[larkmoor.Row]
    carrier: str
    delivered: int | None


def list_order_slots(dice: larkmoor.Dice, world: larkmoor.World) -> Iterator[tuple[int, str, str]]:
    """Yield the second, country and channel of every order in the order of time."""
    months, weekdays = world.profile["months"], world.profile["weekdays"]
    hours = {channel: list(accumulate(weights)) for channel, weights in world.profile["hours"].items()}
    plans = []
    for row in world.demand:
        country, channel = row["country_code"], row["channel_code"]
        opened = max(world.launches[country], world.launches[channel])
        weights = {day: months[channel][d.month - 1] * weekdays[channel][d.weekday()] if day >= opened else 0
                   for day, d in larkmoor.CALENDAR.items()}  # fmt: skip
        totals = {2023: 0, 2024: 0, 2025: 0}
        for day, d in larkmoor.CALENDAR.items():
            totals[d.year] += weights[day]
        plans.append((country, channel, weights, {y: int(row[f"orders_{y}"]) / max(totals[y], 1) for y in totals}))
    for day, d in larkmoor.CALENDAR.items():
        slots = []
        for country, channel, weights, yearly in plans:
            wanted = yearly[d.year] * weights[day] * (0.75 + 0.5 * dice.random())
            for _ in range(int(wanted + dice.random())):
                slots.append(
                    (
                        day * DAY_SECONDS + dice.pick_weighted(hours[channel]) * 3600 + dice.draw_below(3600),
                        country,
                        channel,
                    )
                )
        yield from sorted(slots)


class Shop:
    """Turns slots into sales, one after the other."""

    def __init__(self, dice: larkmoor.Dice, world: larkmoor.World, customers: list[larkmoor.Row]) -> None:
        self.dice, self.world, self.profile = dice, world, world.profile
        self.menus: dict[tuple[str, str, int, int], list[int]] = {}
        self.pools: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        self.next_line = 1
        for row in customers:
            days, numbers = self.pools.setdefault((row[5], row[2]), ([], []))
            days.append(row[8])
            numbers.append(row[0])

    def pick_customer(self, country: str, channel: str, day: int) -> int | None:
        """Return a customer's number, recent customers more often; None where there is no customer yet."""
        days, numbers = self.pools[country, "business" if channel == "WHO" else "private"]
        known, draw = bisect_right(days, day - 1), self.dice.random()
        return numbers[known - 1 - int(draw * draw * known)] if known else None

    def find_menu(self, country: str, channel: str, day: date) -> list[int]:
        """Return the running totals of the products' weights in that month."""
        key = (country, channel, day.year, day.month)
        if key not in self.menus:
            month_start, profile, weights = larkmoor.count_days(day.year, day.month, 1), self.profile, []
            taste, mix = profile["tastes"][country], profile["channel_mix"][channel]
            for _, sku, category, _, launched, gone in self.world.products:
                season = profile["sku_months"].get(sku) or profile["category_months"].get(category) or [100] * 12
                weight = profile["popularity"][sku] * season[day.month - 1]
                on_sale = launched <= month_start + 6 and (gone is None or month_start < gone)
                weights.append(weight * taste.get(category, 100) * mix.get(category, 100) // 10_000 if on_sale else 0)
            self.menus[key] = list(accumulate(weights))
        return self.menus[key]

    def make_lines(self, order_id: int, country: str, channel: str, day: int, discount: int) -> list[larkmoor.Row]:
        """Return the lines of an order; `discount` is in percent."""
        dice, lines, chosen = self.dice, list[larkmoor.Row](), set[int]()
        menu = self.find_menu(country, channel, larkmoor.CALENDAR[day])
        year_percent = self.profile["price_percent"][str(larkmoor.CALENDAR[day].year)]
        price_percent = year_percent * (85 if channel == "WHO" else 100)
        for _ in range(dice.pick(self.profile["lines_per_order"][channel])):
            product, sku, category, price, launched, _ = self.world.products[dice.pick_weighted(menu)]
            if product in chosen or launched > day:
                continue
            chosen.add(product)
            quantity = dice.pick((1, 1, 1, 1, 1, 2, 2, 3)) if category != "6" else 1
            if channel == "WHO" and category in "1234":
                quantity = 4 + dice.draw_below(13)
            voucher = sku in self.profile["vouchers"]
            paid = price if voucher else price * price_percent // 10_000 // 5 * 5
            off = 0 if voucher else quantity * paid * discount // 100
            lines.append((self.next_line, order_id, len(lines) + 1, product, quantity, paid, off))
            self.next_line += 1
        return lines

    def fulfil(self, country: str, channel: str, second: int) -> tuple[str, int | None, int | None, str]:
        """Return status, day shipped, day delivered and carrier."""
        dice, profile, day = self.dice, self.profile, second // DAY_SECONDS
        if channel == "POS":
            return "COL", None, day, ""
        if dice.draw_below(1000) < profile["cancelled_per_1000"][channel]:
            return "CAN", None, None, ""
        shipped = day + max(dice.pick((0, 0, 1, 1, 1, 2, 2, 3)), int(second % DAY_SECONDS > NOON_SECONDS))
        if shipped > larkmoor.LAST_DAY:
            return ("PAK" if shipped == larkmoor.LAST_DAY + 1 else "NEW"), None, None, ""
        carrier = dice.pick(profile["carriers"][country])
        transit = profile["transit_days"][country] + profile["slower_days"][carrier]
        rush = int(larkmoor.CALENDAR[day].month == 12)
        arrived = shipped + transit + rush + dice.pick((0, 0, 0, 0, 1, 1, 2, 5))
        if arrived > larkmoor.LAST_DAY or dice.draw_below(1000) < 4:
            return "SHP", shipped, None, carrier
        return "DLV", shipped, arrived, carrier

    def pick_promotion(self, channel: str, day: date) -> tuple[str | None, int]:
        """Return the promotion code and the discount in percent; wholesale has discounts without a code."""
        draw = self.dice.draw_below(100)
        if channel == "WHO":
            return None, 8 if draw < 20 else 5 if draw < 50 else 0
        if (day.month, day.day // 20) == (11, 1) and draw < 55:
            return "BLACKBEAN20", 20
        if day.month in (7, 8) and draw < 25:
            return "SUMMER10", 10
        return ("WELCOME5", 5) if channel in ONLINE and draw > 93 else (None, 0)

    def sell(self, order_id: int, second: int, country: str, channel: str) -> Sale | None:
        """Return a sale; None where nobody could buy: no open store, no customer yet, or an empty basket."""
        dice, day = self.dice, second // DAY_SECONDS
        store = customer = None
        if channel == "POS":
            open_stores = [s[0] for s in self.world.stores if s[1] == country and s[2] <= day and day <= (s[3] or day)]
            store = dice.pick(open_stores) if open_stores else None
        if channel != "POS" or dice.draw_below(100) < 58:
            customer = self.pick_customer(country, channel, day)
        promo, discount = self.pick_promotion(channel, larkmoor.CALENDAR[day])
        lines = self.make_lines(order_id, country, channel, day, discount)
        if not lines or (store if channel == "POS" else customer) is None:
            return None
        status, shipped, delivered, carrier = self.fulfil(country, channel, second)
        goods = sum(compute_net(line) for line in lines)
        fee = 1500 if channel == "WHO" else 490 if channel in ONLINE and goods < 4500 else 0
        reserve = self.profile["transit_days"][country] + (5 if channel == "WHO" else 4)
        promised = None if channel == "POS" else day + reserve
        gift = channel in ONLINE and dice.draw_below(100) < (18 if larkmoor.CALENDAR[day].month == 12 else 5)
        order = Order(order_id, customer, country, channel, status, store, second, promised, shipped, gift, promo, fee)
        return Sale(order, lines, carrier, delivered)


def compute_net(line: larkmoor.Row) -> int:
    """Return the amount of an order line in cents, after its discount."""
    return int(line[4] * line[5] - line[6])


def make_sales(world: larkmoor.World, customers: list[larkmoor.Row]) -> list[Sale]:
    """Return the sales of all slots, in the order of time."""
    shop, sales = Shop(larkmoor.Dice(4), world, customers), list[Sale]()
    for second, country, channel in list_order_slots(larkmoor.Dice(3), world):
        sale = shop.sell(len(sales) + 1, second, country, channel)
        if sale:
            sales.append(sale)
    return sales


def make_shipments(dice: larkmoor.Dice, sales: list[Sale]) -> list[larkmoor.Row]:
    """Return one or two parcels for each shipped order, in the order of departure, up to the last report."""
    parcels: list[larkmoor.Row] = []
    for order, lines, carrier, delivered in sales:
        if order.shipped is None or order.shipped > LAST_SHIPMENT_DAY:
            continue
        for parcel in (1, 2) if len(lines) > 1 and dice.draw_below(100) < 9 else (1,):
            left = order.shipped * DAY_SECONDS + NOON_SECONDS + 3600 + dice.draw_below(21_600)
            arrived = None if delivered is None else delivered * DAY_SECONDS + 32_400 + dice.draw_below(32_400)
            cost = 320 + 25 * len(lines) + dice.draw_below(180) + (650 if order.channel == "WHO" else 0)
            parcels.append((left, order.order_id, parcel, carrier, arrived, cost))
    parcels.sort(key=lambda parcel: parcel[:3])
    return [(number, *rest[1:4], rest[0], *rest[4:]) for number, rest in enumerate(parcels, start=1)]


def make_returns(dice: larkmoor.Dice, world: larkmoor.World, sales: list[Sale]) -> list[larkmoor.Row]:
    """Return the returns of delivered lines, in the order of their days."""
    profile, found = world.profile, list[larkmoor.Row]()
    for order, lines, _, delivered in sales:
        factor = profile["return_channel_percent"][order.channel] * profile["return_country_percent"][order.country]
        for line in lines if delivered is not None else ():
            _, sku, category, *_ = world.products[line[3] - 1]
            faulty = sku == profile["faulty_sku"]
            rate = profile["faulty_per_1000"] if faulty else profile["returned_per_1000"][category]
            day = (delivered or 0) + 2 + dice.draw_below(26)
            if dice.random() * 10_000_000 >= rate * factor or day > larkmoor.LAST_DAY:
                continue
            pieces = 1 + dice.draw_below(line[4])
            story = "faulty" if faulty else "store" if order.channel == "POS" else "shipped"
            reason = dice.pick(profile["return_reasons"][story])
            pending = day > LAST_REFUND_DAY and dice.draw_below(100) < 70
            refund = None if pending else compute_net(line) * pieces // line[4]
            found.append((day, line[0], pieces, reason, refund, reason not in ("defective", "damaged in transit")))
    found.sort(key=lambda row: row[:2])
    return [(number, line, day, *rest) for number, (day, line, *rest) in enumerate(found, start=1)]


def make_targets(dice: larkmoor.Dice, world: larkmoor.World, sales: list[Sale]) -> list[larkmoor.Row]:
    """Return targets near the stores' real sales, so that some are met and some are missed."""
    sold: dict[tuple[int, int], int] = {}
    for order, lines, _, _ in sales:
        if order.store_id is not None:
            day = larkmoor.CALENDAR[order.ordered_at // DAY_SECONDS]
            key = (order.store_id, larkmoor.count_days(day.year, day.month, 1))
            sold[key] = sold.get(key, 0) + sum(compute_net(line) for line in lines)
    ease = {store[0]: 84 + dice.draw_below(26) for store in world.stores}
    return [(store, month, max(amount * (ease[store] + dice.draw_below(22)) // 500_000, 1) * 5_000)
            for (store, month), amount in sorted(sold.items())]  # fmt: skip


def fill_database(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables and load all rows."""
    for script in ("schema.sql", "lookups.sql"):
        con.execute((larkmoor.HERE / script).read_text(encoding="utf-8"))
    world = larkmoor.read_world(con)
    employees = larkmoor.make_employees(larkmoor.Dice(1), world)
    reps: dict[str, list[int]] = {}
    for row in employees:
        if row[3] == "Sales representative" and row[6] in world.profile["tastes"]:
            reps.setdefault(row[6], []).append(row[0])
    dice = larkmoor.Dice(2)
    customers = larkmoor.make_customers(dice, world, larkmoor.make_sign_ups(dice, world), reps)
    sales = make_sales(world, customers)
    for level in larkmoor.group_by_level(employees):
        larkmoor.load_rows(con, "employees", level)
    larkmoor.load_rows(con, "customers", customers)
    larkmoor.load_rows(con, "orders", (sale.order for sale in sales))
    larkmoor.load_rows(con, "order_items", (line for sale in sales for line in sale.lines))
    larkmoor.load_rows(con, "shipments", make_shipments(larkmoor.Dice(5), sales))
    larkmoor.load_rows(con, "returns", make_returns(larkmoor.Dice(6), world, sales))
    larkmoor.load_rows(con, "store targets", make_targets(larkmoor.Dice(7), world, sales))


def build(path: Path) -> None:
    """Write the database beside `path`, then move it into place."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        with duckdb.connect(str(unfinished), config={"default_block_size": 16_384}) as con:
            con.begin()
            fill_database(con)
            con.commit()
        unfinished.replace(path)
    finally:
        for leftover in (unfinished, unfinished.with_name(unfinished.name + ".wal")):
            leftover.unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python sample_data/generate.py OUT.duckdb")
    build(Path(sys.argv[1]))
