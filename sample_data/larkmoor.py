"""The people of the sample company and the tools of its generator: dice, calendar, reading and loading.

It writes no file and knows no orders; generate.py does both.
"""

from __future__ import annotations

import csv
import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, TypeVar

import duckdb
import pyarrow as pa

T = TypeVar("T")
Row = tuple[Any, ...]
SignUp = tuple[int, str, str]

HERE = Path(__file__).resolve().parent
SEED = 20230101
EPOCH = date(1970, 1, 1)
TWINS = {2738: "Zoë O'Brien", 4570: "Zoë O'Brien", 4211: "Łukasz D'Arcy", 4361: "Łukasz D'Arcy"}
PLAIN = str.maketrans("ąáåäãàâæçćéèêëęíïıîłñńóöôõøśşüúûýźżß", "aaaaaaaacceeeeeiiiilnnooooossuuuyzzs")


def count_days(year: int, month: int, day: int) -> int:
    """Return the number of days since 1970-01-01."""
    return (date(year, month, day) - EPOCH).days


FIRST_DAY, LAST_DAY = count_days(2023, 1, 1), count_days(2025, 12, 31)
CALENDAR = {day: EPOCH + timedelta(days=day) for day in range(FIRST_DAY, LAST_DAY + 1)}


class Dice:
    """Draws made with random() only, the one sequence that Python promises not to change."""

    def __init__(self, stream: int) -> None:
        self.random = Random(SEED + stream).random

    def draw_below(self, limit: int) -> int:
        """Return a whole number from 0 to limit - 1."""
        return int(self.random() * limit)

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items, each equally likely."""
        return items[int(self.random() * len(items))]

    def pick_weighted(self, running_totals: Sequence[int]) -> int:
        """Return an index by weights, given as their running totals."""
        return bisect_right(running_totals, int(self.random() * running_totals[-1]))


class World(NamedTuple):
    """What the steps share: the tuning numbers and the fixed rows."""

    profile: dict[str, Any]
    names: dict[str, dict[str, list[str]]]
    demand: list[dict[str, str]]
    launches: dict[str, int]
    stores: list[Row]
    products: list[Row]


def read_csv(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file in this folder, by the names of its columns."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_world(con: duckdb.DuckDBPyConnection) -> World:
    """Return the profile, the names, the demand, and the rows that the SQL scripts have inserted."""

    def select_rows(table: str, columns: str) -> list[Row]:
        numbered = columns.replace("_on", "_on - DATE '1970-01-01'")
        return con.execute(f"SELECT {numbered} FROM {table} ORDER BY 1").fetchall()

    launches = select_rows("countries", "country_code, launched_on") + select_rows(
        "channels", "channel_code, launched_on"
    )
    return World(
        profile=json.loads((HERE / "profile.json").read_text(encoding="utf-8")),
        names={row["country_code"]: {key: row[key].split("|") for key in row} for row in read_csv("names.csv")},
        demand=read_csv("demand.csv"),
        launches={code: day for code, day in launches if day is not None},
        stores=select_rows("stores", "store_id, country_code, opened_on, closed_on, has_tasting_room"),
        products=select_rows(
            "products",
            "product_id, sku, CAST(category_id AS VARCHAR), CAST(list_price * 100 AS INTEGER), "
            "launched_on, discontinued_on",
        ),
    )


def load_rows(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row]) -> None:
    """Insert rows in bulk; days, seconds and cents are integers."""
    columns = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
    ).fetchall()
    arrays, selected = {}, []
    for (name, kind), values in zip(columns, zip(*rows, strict=True), strict=True):
        if kind == "DATE":
            arrays[name] = pa.array(values, pa.int32()).cast(pa.date32())
        elif kind == "TIMESTAMP":
            arrays[name] = pa.array(values, pa.int64()).cast(pa.timestamp("s"))
        else:
            arrays[name] = pa.array(values)
        selected.append(f'CAST("{name}" AS DECIMAL(12, 0)) * 0.01' if kind.startswith("DECIMAL") else f'"{name}"')
    con.register("incoming", pa.table(arrays))
    con.execute(f'INSERT INTO "{table}" SELECT {", ".join(selected)} FROM incoming')
    con.unregister("incoming")


def make_employees(dice: Dice, world: World) -> list[Row]:
    """Return the employees, managers before the people who report to them."""
    start, rows = count_days(2019, 4, 1), list[Row]()

    def hire(title: str, manager: int | None, country: str, pay: int, hired: int, store: Row | None = None) -> int:
        left = store[3] if store else None
        if title in ("Barista", "Warehouse worker") and left is None and dice.draw_below(100) < 15:
            left = max(hired + 200, FIRST_DAY + dice.draw_below(1000))
        salary = pay * world.profile["pay_percent"][country] * (92 + dice.draw_below(24)) // 10_000 * 1_000
        first, last = (dice.pick(world.names[country][key]) for key in ("first_names", "last_names"))
        rows.append((len(rows) + 1, first, last, title, manager, store and store[0], country, hired, left, salary))
        return len(rows)

    director = hire("Managing director", None, "DE", 920, start)
    heads = {area: hire(f"Head of {area}", director, "DE", 640, start + dice.draw_below(400))
             for area in ("sales", "retail", "operations", "finance")}  # fmt: skip
    for title, area, country, pay in world.profile["office_staff"]:
        hire(title, heads[area], country, pay, start + 200 + dice.draw_below(1000))
    hire("Sales representative", heads["sales"], "ES", 380, count_days(2025, 11, 3))
    for store in world.stores:
        boss = hire("Store manager", heads["retail"], store[1], 350, store[2] - 30, store)
        for _ in range(3 if store[4] else 2):
            hire("Barista", boss, store[1], 245, store[2] + dice.draw_below(250), store)
    return rows


def group_by_level(employees: list[Row]) -> list[list[Row]]:
    """Group people by their distance from the top: a manager must be in the table before the team."""
    depth: dict[int | None, int] = {None: -1}
    for row in employees:
        depth[row[0]] = depth[row[4]] + 1
    return [[row for row in employees if depth[row[0]] == level] for level in range(max(depth.values()) + 1)]


def make_sign_ups(dice: Dice, world: World) -> list[SignUp]:
    """Return a day, a country and a type for every future customer, oldest first."""
    sign_ups = []
    for row in world.demand:
        country, channel = row["country_code"], row["channel_code"]
        kind, percent = ("business", 12) if channel == "WHO" else ("private", 10 if channel == "POS" else 17)
        for year in (2022, 2023, 2024, 2025):
            first = max(count_days(year, 1, 1), world.launches[country] - 30, world.launches[channel] - 30)
            count = int(row[f"orders_{max(year, 2023)}"]) * percent // 100
            days = count_days(year, 12, 31) - first + 1
            sign_ups += [(first + dice.draw_below(days), country, kind) for _ in range(count if days > 0 else 0)]
    return sorted(sign_ups)


def make_customers(dice: Dice, world: World, sign_ups: list[SignUp], reps: dict[str, list[int]]) -> list[Row]:
    """Return the customers, one for each sign-up; `reps` are the sales representatives by country."""
    rows: list[Row] = []
    countries = sorted(reps)
    for number, (day, country, kind) in enumerate(sign_ups, start=1):
        own = world.names[country]
        last = dice.pick(world.names[dice.pick(countries) if dice.draw_below(100) < 7 else country]["last_names"])
        rep = None
        if kind == "business":
            name = dice.pick(own["businesses"]).format(last=last)
            rep = dice.pick(reps[country]) if dice.draw_below(100) < 86 else None
        else:
            name = TWINS.get(number, f"{dice.pick(own['first_names'])} {last}")
        words = "".join(c if c.isascii() and c.isalnum() else " " for c in name.lower().translate(PLAIN)).split()
        email = f"{'.'.join(words)}{number}@example.{dice.pick(('com', 'org', 'net'))}"
        known_email = email if dice.draw_below(100) >= 11 else None
        opt_in = known_email is not None and dice.draw_below(100) < 47
        rows.append((number, name, kind, known_email, dice.pick(own["cities"]), country, rep, opt_in, day))
    return rows
