"""SQL inside prose: found whole, and nothing that a model made up beside it with it."""

from __future__ import annotations

import time

import pytest

from nl2sql.model.tool_calls import reply_parser

from .conftest import SQL_ONLY

ONE = "SELECT count(*) AS n FROM beds WHERE note = 'dry; bare'"
LINES = "SELECT count(*) AS n\nFROM beds\nWHERE note = 'dry; bare'"
CTE = "WITH dry AS (\n  SELECT id\n  FROM beds\n)\n\nSELECT count(*)\nFROM dry"


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (f"sql\n{LINES};", f"{LINES};"),
        (f"SQL: {ONE}", ONE),
        (f"**SQL Query:**\n\n{LINES}", LINES),
        (f"### Final SQL\n{LINES}\n\n### Explanation\nIt counts 17 beds.", LINES),
        (f"Here is the query:\n\n{LINES};\n\nIt counts the beds.", f"{LINES};"),
        (f"You can use: {ONE}", ONE),
        (f"Question: how many?\nSQLQuery: {LINES}\nSQLResult: [(17,)]\nAnswer: 17 beds are dry.", LINES),
        (f"Sure!\n{LINES}\nThe results of the query are:\n[(17,)]\nThis means 17.", LINES),
        (f"SQL:\n{LINES}\n| n |\n|---|\n| 17 |", LINES),
        (f"Thought: look.\nAction: sql_query\nAction Input: {ONE}\nObservation: 17", ONE),
        (f"-- dry beds\n/* all */\n{LINES}", LINES),
        (f"```sql {ONE} ```", ONE),
        (f"~~~sql\n{LINES}\n~~~", LINES),
        (f"```text\n{LINES}\n```\nResult: 17", LINES),
        (f"Answer: ```sql\n{LINES}\n```", LINES),
        (f"`{ONE}`", ONE),
        (f"The query `{ONE}` gives 17.", ONE),
        (f"<sql>{ONE} AND a < 3</sql> gives 17", f"{ONE} AND a < 3"),
        (f"> {LINES.replace(chr(10), chr(10) + '> ')}", LINES),
        (f"1. Look.\n2. {ONE}", ONE),
        (f"sql\n{CTE}\nOutput: 17", CTE),
        (f"{LINES}\n\nOutput:\n17", LINES),
        (f"{LINES}\n\n| n |\n|---|\n| 17 |", LINES),
        (f"{ONE}\nSQLResult: [(17,)]\nAnswer: 17", ONE),
        (f"SQL语句如下：\n{LINES}\n结果：17", LINES),
        (f"查询语句：{ONE}", ONE),
        (f"[SQL]{ONE}[/SQL]", ONE),
        (f"<answer>{ONE}</answer> 17", ONE),
        (f"<pre><code>{ONE}</code></pre>", ONE),
        (f"**{ONE}**", ONE),
        (f"$$ {ONE} $$", ONE),
        (f"\\boxed{{{ONE}}}", ONE),
        (f"D {ONE};\n┌────┐\n│ 17 │", f"{ONE};"),
        (f"postgres=# {ONE};\n n\n----\n 17", f"{ONE};"),
        (f'"""\n{LINES}\n"""', LINES),
        (f'sql = "{ONE}"', ONE),
        (f'```python\nquery = """\n{LINES}\n"""\nprint(run(query))  # 17\n```', LINES),
        (f"Query → {ONE}", ONE),
        (f"1. Query:\n   {ONE}\n2. Answer: 17", ONE),
        (f"({ONE})", f"({ONE})"),
        ("SELECT\n*\nFROM beds\n\nWHERE a = 1", "SELECT\n*\nFROM beds\n\nWHERE a = 1"),
        ("SELECT\n  n: count(*)\nFROM beds", "SELECT\n  n: count(*)\nFROM beds"),
    ],
)
def test_sql_in_prose_is_a_call(text: str, query: str) -> None:
    prose, calls = reply_parser.read_reply(text, tools=SQL_ONLY)
    assert [(c.name, c.arguments, c.problem) for c in calls] == [("sql_query", {"query": query}, "")]
    assert "17" not in prose or "Explanation" in text or "Result" in text or ";" in query


@pytest.mark.parametrize(
    "text",
    [
        "The data has no column for profit. Select from these: bed, month from the list.",
        "With this schema I cannot answer: there is no cost.",
        "To answer: select a year from 2020.",
        "Query: which beds are dry?",
        "I would need a query: the table beds has no cost.",
        "You could SELECT from `beds`.",
    ],
)
def test_prose_about_queries_is_prose(text: str) -> None:
    assert reply_parser.read_reply(text, tools=SQL_ONLY) == (text, ())


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece", ["select ", "`a", "<sql>", "~~~", "SQL: ", "/* ", "-- a\n", "select 'a\n", ": select x\n"]
)
def test_long_text_is_read_in_linear_time(piece: str) -> None:
    start = time.perf_counter()
    reply_parser.read_reply(f"It is\n{piece * (40_000 // len(piece))}", tools=SQL_ONLY)
    assert time.perf_counter() - start < 2
