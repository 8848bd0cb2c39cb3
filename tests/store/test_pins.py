"""Pinned answers: their order, their owner, and what their digests say of rows without holding any."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from nl2sql.answer.row_digest import (
    MAX_HASHED_ROWS,
    compare_digests,
    find_key,
    list_changes,
    make_digest,
    read_digest,
)
from nl2sql.errors import ConfigError
from nl2sql.store import Store
from nl2sql.store.pins import MAX_PINS
from nl2sql.types import Result, ResultColumn
from tests.store.conftest import answer_of

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)


def rows_of(*rows: tuple[Any, ...], kinds: str = "VARCHAR BIGINT DOUBLE", truncated: bool = False) -> Result:
    columns = tuple(ResultColumn(f"c{at}", kind) for at, kind in enumerate(kinds.split()))
    arrays = [pa.array([row[at] for row in rows]) for at in range(len(columns))]
    table = pa.table(arrays, names=[column.name for column in columns])
    return Result(columns, table, truncated=truncated)


def test_pins_have_an_order_that_can_be_changed(store: Store) -> None:
    for identifier in "abc":
        store.record(answer_of(identifier), url="x")
        store.pins.add(identifier)
    store.pins.add("a")
    ids = [pin.entry.id for pin in store.pins.list()]
    assert ids == ["a", "b", "c"] and store.pins.list_ids() == frozenset(ids)
    moves = [("c", -1, "acb"), ("a", 5, "cba"), ("a", -9, "acb"), ("z", 1, "acb")]
    for identifier, by, order in moves:
        store.pins.move(identifier, by)
        assert "".join(pin.entry.id for pin in store.pins.list()) == order
    store.pins.remove("c")
    store.pins.remove("c")
    assert store.pins.list_ids() == {"a", "b"}


def test_a_board_is_its_owners_alone(store: Store) -> None:
    store.record(answer_of("a"), url="x", user="ann")
    with pytest.raises(ConfigError, match="no longer here"):
        store.pins.add("a", user="bob")
    store.pins.add("a", user="ann")
    for other in ("bob", None):
        store.pins.remove("a", user=other)
        store.pins.move("a", 1, user=other)
        store.pins.record_run("a", rows_of(("x", 1, 1.0)), user=other)
        assert store.pins.list(user=other) == [] and store.pins.list_ids(user=other) == frozenset()
    (pin,) = store.pins.list(user="ann")
    assert pin.digest is None and pin.ran_at is None


def test_a_board_takes_no_more_than_can_be_run(store: Store) -> None:
    for number in range(MAX_PINS + 1):
        store.record(answer_of(f"{number}"), url="x")
    for number in range(MAX_PINS):
        store.pins.add(f"{number}")
    with pytest.raises(ConfigError, match="all it takes"):
        store.pins.add(f"{MAX_PINS}")


def test_changes_are_found_without_storing_values(store: Store, path: Path) -> None:
    before = rows_of(("Tromsø-9731", 3, 4.5), ("Bergen-8217", 5, 1.25), ("Vardø-5523", 1, 9.0))
    store.record(answer_of("a", text="Three.", result=before), url="x")
    store.pins.add("a", before)
    (pin,) = store.pins.list()
    assert pin.ran_at == pin.entry.at, "the rows are those of the answer"
    unchanged = pin.compare(rows_of(*reversed(before.rows)))
    assert unchanged is not None and unchanged.is_same and unchanged.sentence == "nothing changed"
    now = rows_of(("Tromsø-9731", 3, 4.6), ("Bergen-8217", 5, 1.25), ("Oslo-1102", 7, 1.0), ("Bodø-3306", 7, 1.0))
    found = pin.compare(now)
    assert found is not None and (found.new_rows, found.gone_rows, found.changed_rows) == (2, 1, 1)
    assert found.sentence == "2 rows new, 1 gone, 1 changed"
    store.pins.record_run("a", now, at=NOW + dt.timedelta(days=1))
    (pin,) = store.pins.list()
    again = pin.compare(now)
    assert again is not None and again.is_same and pin.ran_at == NOW + dt.timedelta(days=1)
    store.close()
    held = path.read_bytes()
    assert not any(name.encode() in held for name in ("Tromsø-9731", "Bergen-8217", "Oslo-1102"))


@pytest.mark.parametrize(
    "rows, kinds, key",
    [
        ([("a", 1, 1.0), ("b", 1, 1.0)], "VARCHAR BIGINT DOUBLE", (0,)),
        ([(9.5, "a"), (9.5, "b")], "DOUBLE VARCHAR", (1,)),
        ([(4, "a", 1.0), (4, "b", 1.0), (5, "a", 1.0)], "INTEGER VARCHAR DOUBLE", (0, 1)),
        ([("a", 1), ("a", 2)], "VARCHAR BIGINT", ()),
        ([("a", 1.0), ("a", 2.0)], "VARCHAR DOUBLE", ()),
        ([(1, 1.5), (2, 1.5)], "UBIGINT DECIMAL(9,2)", (0,)),
        ([("a", 1, 1.0)], "VARCHAR BIGINT DOUBLE", ()),
        ([(None, 1.0), ("b", 1.0)], "VARCHAR DOUBLE", (0,)),
    ],
)
def test_rows_are_told_apart_by_the_fewest_columns_that_are_no_measures(
    rows: list[tuple[Any, ...]], kinds: str, key: tuple[int, ...]
) -> None:
    assert find_key(rows_of(*rows, kinds=kinds)) == key


def changes(before: Result, now: Result) -> Any:
    digest = read_digest(make_digest(before).write_json())
    assert digest == read_digest(digest.write_json())
    return compare_digests(digest, make_digest(now, digest))


def test_rows_without_a_key_count_as_often_as_they_are_there() -> None:
    before = rows_of(("a", 1), ("a", 1), ("a", 2), kinds="VARCHAR BIGINT")
    found = changes(before, rows_of(("a", 1), ("a", 3), ("a", 3), kinds="VARCHAR BIGINT"))
    assert (found.new_rows, found.gone_rows, found.changed_rows) == (2, 2, 0)


def test_changed_row_is_not_counted_as_added_and_removed() -> None:
    found = changes(rows_of((5,), kinds="BIGINT"), rows_of((6,), kinds="BIGINT"))
    assert found.sentence == "1 row changed"


def test_a_key_that_no_longer_tells_rows_apart_is_given_up() -> None:
    before = rows_of(("a", 1), ("b", 2), kinds="VARCHAR BIGINT")
    found = changes(before, rows_of(("a", 1), ("a", 2), ("b", 2), kinds="VARCHAR BIGINT"))
    assert (found.new_rows, found.gone_rows, found.changed_rows) == (1, 0, 0)


def test_other_columns_cut_results_and_very_many_rows_are_said() -> None:
    one = rows_of(("a", 1), kinds="VARCHAR BIGINT")
    assert (
        changes(one, rows_of(("a", 1.5), kinds="VARCHAR DOUBLE")).sentence == "the column c1 was BIGINT and is DOUBLE"
    )
    wide = rows_of(("a", 1, 2), kinds="VARCHAR BIGINT BIGINT")
    assert changes(one, wide).sentence == "the columns were c0, c1 and are c0, c1, c2"
    cut = [rows_of((1, 2.0), (n, 3.0), kinds="BIGINT DOUBLE", truncated=True) for n in (7, 8)]
    assert changes(*cut).sentence == "1 row new, 1 gone; only the first rows were compared"
    many = [rows_of(*((n, 0.5) for n in range(MAX_HASHED_ROWS + more)), kinds="BIGINT DOUBLE") for more in (1, 2)]
    assert changes(many[0], many[0]).is_same
    assert changes(*many).sentence == "there were 10,001 rows and are 10,002"
    empty = rows_of(kinds="VARCHAR BIGINT")
    assert changes(empty, one).sentence == "1 row new" and changes(one, empty).sentence == "1 row gone"


def test_figures_before_and_now_are_told_where_both_are_there() -> None:
    def show(at: int, value: object) -> str:
        return f"<{value}>"

    assert list_changes(rows_of((5,), kinds="BIGINT"), rows_of((6,), kinds="BIGINT"), show) == ["c0 <5> → <6>"]
    before = rows_of(*((f"k{n}", n, float(n)) for n in range(9)))
    now = rows_of(*((f"k{n}", n, float(n + (n == 3))) for n in range(2, 10)))
    assert list_changes(before, now, show) == [
        "<k3>: c2 <3.0> → <4.0>",
        "<k9>: new",
        "<k0>: gone",
        "<k1>: gone",
    ]
    assert list_changes(before, rows_of(*((f"z{n}", n, 0.0) for n in range(9))), show)[-1] == "and 13 more"
    assert list_changes(before, before, show) == []
    assert list_changes(before, rows_of((1,), kinds="BIGINT"), show) == []
