"""Which tables and columns the names of a policy mean."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import pytest

from nl2sql.engines.worker.pipe_messages import decode_policy, encode_policy
from nl2sql.schema import apply_policy
from nl2sql.schema.access import Access, quote_path, resolve
from nl2sql.types import Column, ForeignKey, Policy, Schema, Table


def _table(name: str, *columns: str, schema: str | None = None, kind: str = "table", catalog: str = "") -> Table:
    return Table(name, tuple(Column(c, "VARCHAR") for c in columns), schema=schema, kind=kind, catalog=catalog)


SCHEMA = Schema(
    (
        _table("main", "id", "salary"),
        _table("main.x", "v", "w", schema="main"),
        _table("x", "v", "w"),
        _table("hr.t", "v", "w"),
        _table("hr.t", "v", "w", schema="main"),
        _table("hr.main", "v", "w"),
        _table("a.b.c", "v", schema="a.b"),
        _table("a.b.c", "v", schema="main"),
        _table("a.b.c", "v", schema="a"),
        _table("Ünï", "Sécret"),
        _table('q"t', 'we"ird', " sp", "x.y"),
        _table("shop.shop.api", "k", schema="shop", catalog="shop"),
        Table("nested", (Column("s", "STRUCT(f VARCHAR)"), Column("n", "INTEGER"), Column("s.f", "VARCHAR"))),
        _table("\u212a", "v"),
    )
)
PATHS = [(table.path, column.name) for table in SCHEMA.tables for column in table.columns]


def hidden(policy: Policy) -> set[tuple[tuple[str, str], str]]:
    """The columns of which the policy shows nothing."""
    access = Access(SCHEMA, policy)
    return set(PATHS) - {(table.path, column.name) for table in access.view.tables for column in table.columns}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("main.salary", {("main", "main")}),
        ("main.main.salary", {("main", "main")}),
        ("MAIN.Salary", {("main", "main")}),
        ("x.w", {("main", "x")}),
        ("main.x.w", {("main", "x"), ("main", "main.x")}),
        ("main.main.x.w", {("main", "main.x")}),
        ('"main.x".w', {("main", "main.x")}),
        ('"main.x"."w"', {("main", "main.x")}),
        ('"main"."x"."w"', {("main", "x")}),
        ("hr.t.w", {("hr", "t"), ("main", "hr.t")}),
        ('"hr"."t"."w"', {("hr", "t")}),
        ("hr.main.w", {("hr", "main")}),
        ("a.b.c.v", {("a.b", "c"), ("a", "b.c"), ("main", "a.b.c")}),
        ('"a"."b.c"."v"', {("a", "b.c")}),
        ("üNÏ.SÉCRET", {("main", "Ünï")}),
        ("U\u0308ni\u0308.se\u0301cret", {("main", "Ünï")}),
        ('q"t.we"ird', {("main", 'q"t')}),
        ('q"t. sp', {("main", 'q"t')}),
        ('q"t.sp', set()),
        ('q"t.x.y', {("main", 'q"t')}),
        ("shop.api.k", {("shop", "api")}),
        ("shop.shop.api.k", {("shop", "api")}),
        ("nested.s", {("main", "nested")}),
        ("nested.n.f", set()),
        ("K.v", {("main", "\u212a")}),
        ("y.w", set()),
        ("x.", set()),
        (".w", set()),
        ("w", set()),
        ("", set()),
    ],
)
def test_a_denied_column_is_each_that_the_name_may_mean(name: str, meant: set[tuple[str, str]]) -> None:
    policy = Policy(deny_columns=frozenset({name}))
    assert {path for path, _ in hidden(policy)} == meant
    assert Access(SCHEMA, policy).unmatched_names == (() if hidden(policy) else (name,))


def test_a_field_cannot_be_denied_alone() -> None:
    nested = ("main", "nested")
    assert hidden(Policy(deny_columns=frozenset({"nested.s.f"}))) == {(nested, "s"), (nested, "s.f")}
    assert hidden(Policy(deny_columns=frozenset({"nested.s.other"}))) == {(nested, "s")}


@pytest.mark.parametrize(
    ("name", "denied", "let"),
    [
        ("main", {("main", "main")}, {("main", "main")}),
        ("x", {("main", "x")}, {("main", "x")}),
        ("main.x", {("main", "x"), ("main", "main.x")}, set()),
        ("main.main.x", {("main", "main.x")}, {("main", "main.x")}),
        ("main.hr.t", {("main", "hr.t")}, {("main", "hr.t")}),
        ("hr.t", {("hr", "t"), ("main", "hr.t")}, set()),
        ('"hr"."t"', {("hr", "t")}, {("hr", "t")}),
        ('"hr.t"', {("main", "hr.t")}, {("main", "hr.t")}),
        ("k", {("main", "\u212a")}, {("main", "\u212a")}),
        ("nothing", set(), set()),
    ],
)
def test_a_name_denies_all_that_it_may_mean_and_allows_only_one(
    name: str, denied: set[tuple[str, str]], let: set[tuple[str, str]]
) -> None:
    assert {path for path, _ in hidden(Policy(deny_tables=frozenset({name})))} == denied
    shown = Access(SCHEMA, Policy(allow_tables=frozenset({name}))).view.tables
    assert {table.path for table in shown} == let


def test_a_policy_is_what_was_written_and_means_the_same_again() -> None:
    policy = Policy(frozenset({"Main.X", "hr.T"}), frozenset({"main.main.x"}), frozenset({"MAIN.main.Salary"}))
    for again in (replace(policy), decode_policy(encode_policy(policy)), Policy(**asdict(policy))):
        assert again == policy
        assert again.deny_columns == {"MAIN.main.Salary"}
        assert Access(SCHEMA, again).view == Access(SCHEMA, policy).view


def test_an_exact_name_means_one_table_and_one_column() -> None:
    for table in SCHEMA.tables:
        own = {(path, column) for path, column in PATHS if path == table.path}
        assert hidden(Policy(deny_tables=frozenset({quote_path(*table.path)}))) == own
        for column in table.columns:
            name = quote_path(*table.path, column.name)
            assert hidden(Policy(deny_columns=frozenset({name}))) == {(table.path, column.name)}


def test_keys_that_lead_to_what_is_denied_are_left_out() -> None:
    key = ForeignKey(("v",), "hr.t", ("v",))
    tables = (replace(SCHEMA.tables[2], foreign_keys=(key,)), *SCHEMA.tables[3:5])
    schema = Schema(tables)
    for policy, keys in (
        (Policy(), (key,)),
        (Policy(deny_columns=frozenset({'"hr"."t"."v"'})), ()),
        (Policy(deny_tables=frozenset({'"hr.t"'})), ()),
        (Policy(deny_columns=frozenset({'"hr"."t"."w"'})), (key,)),
    ):
        assert apply_policy(schema, policy).tables[0].foreign_keys == keys


def test_what_no_query_may_read_is_not_shown_and_not_denied() -> None:
    refused = replace(SCHEMA.tables[1], refused=True)
    column = replace(SCHEMA.tables[0].columns[1], refused=True)
    partly = replace(SCHEMA.tables[0], columns=(SCHEMA.tables[0].columns[0], column))
    access = Access(Schema((partly, refused)), Policy())
    assert [(table.name, [c.name for c in table.columns]) for table in access.view.tables] == [("main", ["id"])]
    assert access.allows(refused) and access.allows_column(partly, "salary") and not access.has_denials


def test_an_answer_is_remembered_for_a_schema_not_for_one_like_it() -> None:
    policy = Policy(deny_tables=frozenset({"x"}))
    assert resolve(SCHEMA, policy) is resolve(SCHEMA, replace(policy))
    other = replace(SCHEMA, tables=SCHEMA.tables[:2])
    assert resolve(other, policy) is not resolve(SCHEMA, policy)
    assert not resolve(other, policy).has_denials


def test_long_lists_are_looked_up_not_searched() -> None:
    tables = tuple(_table(f"t{number}", *(f"c{n}" for n in range(20))) for number in range(2000))
    names = frozenset(f"t{number}" for number in range(2000))
    policy = Policy(names, deny_columns=frozenset(f"t{number}.c{number % 20}" for number in range(2000)))
    access = Access(Schema(tables), policy)
    assert len(access.view.tables) == 2000
    assert sum(len(table.columns) for table in access.view.tables) == 2000 * 19


@pytest.mark.parametrize("name", ["." * 400_000, "main." + "." * 400_000, "docs." + "d." * 200_000])
def test_a_name_without_end_takes_time_in_proportion(name: str) -> None:
    docs = Table("docs", (Column("d", "STRUCT(d INTEGER)"),))
    started = time.process_time()
    access = Access(Schema((*SCHEMA.tables, docs)), Policy(deny_columns=frozenset({name})))
    assert time.process_time() - started < 1.5
    assert access.forbidden_names == ({"d"} if name.startswith("docs.") else set())
