"""Receipts: the same for the same, another for what has changed, and what that was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nl2sql.answer.receipt import compare_receipts, hash_policy, hash_schema, make_receipt
from nl2sql.types import Column, ForeignKey, Policy, Schema, Table

BOATS = Table("boats", (Column("id", "INTEGER"), Column("name", "VARCHAR")), primary_key=("id",))
TRIPS = Table("trips", (Column("boat", "INTEGER"),), foreign_keys=(ForeignKey(("boat",), "boats", ("id",)),))
SCHEMA = Schema((BOATS, TRIPS), fingerprint="f1")
SETTINGS = {"model": "a", "temperature": 0.0}
PROMPT = [{"role": "user", "content": "How many?"}]


def test_what_the_tables_hold_and_their_order_make_no_other_schema() -> None:
    filled = replace(
        BOATS, row_count=9, comment="x", columns=(replace(BOATS.columns[0], minimum="1"), BOATS.columns[1])
    )
    assert hash_schema(Schema((TRIPS, filled), fingerprint="f2")) == hash_schema(SCHEMA)


@pytest.mark.parametrize(
    "boats",
    [
        replace(BOATS, name="ships"),
        replace(BOATS, columns=BOATS.columns[:1]),
        replace(BOATS, columns=(Column("id", "BIGINT"), BOATS.columns[1])),
        replace(BOATS, primary_key=()),
    ],
)
def test_names_types_and_keys_do(boats: Table) -> None:
    assert hash_schema(Schema((boats, TRIPS))) != hash_schema(SCHEMA)


def test_a_policy_is_the_same_in_any_order() -> None:
    one = Policy(deny_tables=frozenset({"a", "b", "c"}), deny_columns=frozenset({"a.b"}))
    assert hash_policy(one) == hash_policy(Policy(None, frozenset({"c", "b", "a"}), frozenset({"a.b"})))
    assert hash_policy(one) != hash_policy(Policy(frozenset(), frozenset({"a", "b", "c"}), frozenset({"a.b"})))


def test_each_change_is_told_by_what_it_is() -> None:
    then = make_receipt(SCHEMA, Policy(), SETTINGS, PROMPT)
    assert compare_receipts(then, make_receipt(SCHEMA, Policy(), SETTINGS)) == {}
    schema = replace(SCHEMA, tables=(BOATS,), fingerprint="f2")
    now = make_receipt(
        schema, Policy(deny_tables=frozenset({"x"})), {"model": "b", "temperature": 0.5, "today": "2031-01-01"}
    )
    now = replace(now, versions={**now.versions, "duckdb": "9.9"})
    assert compare_receipts(then, now) == {
        "schema": "the schema changed: tables, columns, types or keys",
        "data": "the data changed, or was written again",
        "policy": "the policy changed",
        "model": "model was a and is b",
        "settings": "temperature was 0.0 and is 0.5; today was not set and is 2031-01-01",
        "versions": f"duckdb was {then.versions['duckdb']} and is 9.9",
    }


def test_a_prompt_has_a_hash_of_its_own() -> None:
    one, other = (make_receipt(SCHEMA, Policy(), {}, [{"role": "user", "content": text}]).prompt for text in ("a", "b"))
    assert one != other and make_receipt(SCHEMA, Policy(), {}).prompt is None
