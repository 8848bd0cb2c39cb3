"""What a refusal tells: the place in the text as written, what to write instead, and no name that is denied."""

from __future__ import annotations

import re

import pytest

from nl2sql import guard
from nl2sql.errors import GuardError, QueryError
from nl2sql.types import Finding, Policy


@pytest.fixture
def first(session_judge: guard.Judge, policy: Policy) -> dict[str, Finding]:
    texts = {
        "table": "SELECT 'ÄÖ',\n  1 FROM boks",
        "column": "SELECT * FROM staff",
        "bind": "SELECT 'ÄÖ', titel FROM books",
        "elsewhere": "SELECT joined FROM books",
        "wrong alias": "SELECT l.title FROM books AS b JOIN loans AS l USING (book_id)",
        "denied elsewhere": "SELECT wage FROM books",
        "near denied": "SELECT wages FROM staff",
        "near denied table": "SELECT * FROM vaults",
        "function": "SELECT to_char(joined, 'YYYY') FROM members",
        "misspelt": "SELECT uper(name) FROM members",
    }
    return {key: guard.examine(sql, policy, session_judge).findings[0] for key, sql in texts.items()}


def test_place_counts_characters_of_the_text_as_written(first: dict[str, Finding]) -> None:
    assert (first["table"].line, first["table"].column) == (2, 10)
    assert (first["bind"].line, first["bind"].column) == (1, 14)


def test_closest_name(first: dict[str, Finding]) -> None:
    assert first["table"].hint == "Did you mean books?"
    assert first["bind"].hint == "Did you mean title (of books)?"
    assert first["elsewhere"].hint == "joined is a column of members: join that table."
    assert first["wrong alias"].hint == "title is a column of books: write it with that table's alias."
    assert "staff" not in first["denied elsewhere"].hint
    assert first["misspelt"].hint == "Did you mean upper?"
    assert "strftime" in first["function"].hint


def test_column_refusal_names_what_may_be_read(first: dict[str, Finding]) -> None:
    assert first["column"].hint == "Name the columns, and only these: staff_id, name, role."


def test_denied_names_are_never_suggested(first: dict[str, Finding]) -> None:
    assert first["near denied"].hint == "staff has staff_id, name, role."
    assert "vault?" not in first["near denied table"].hint
    assert "vault," not in first["near denied table"].hint


def test_denied_and_unknown_tables_look_the_same(session_judge: guard.Judge, policy: Policy) -> None:
    denied, unknown = (
        guard.examine(f"SELECT * FROM {name}", policy, session_judge).findings for name in ("codes", "codez")
    )
    assert str(denied).replace("codes", "codez") == str(unknown)


@pytest.mark.parametrize("sql", ["SELECT * FROM {}", "SELECT nextval('t') FROM {}", "SELECT * FROM query_table('{}')"])
def test_asking_every_judge_tells_no_more_of_what_is_hidden(
    session_judge: guard.Judge, policy: Policy, sql: str
) -> None:
    denied, unknown = (
        guard.examine(sql.format(name), policy, session_judge, collect_all=True) for name in ("codes", "codez")
    )
    assert str(denied).replace("codes", "codez") == str(unknown) and "sqlglot" in denied.judges


# The built-in function that is spelled most like a name says nothing of what there is.
_FUNCTION_HINT = re.compile(r"Did you mean \w+\?|Leave it out, or use another function\.")
# `{}` is a denied name, or one of the same length that nothing has.
COLUMN_GUESSES = [
    "SELECT {} FROM staff",
    "SELECT s.{} FROM staff AS s",
    "SELECT main.staff.{} FROM staff",
    "SELECT name FROM staff WHERE {} > 1",
    "SELECT name FROM staff ORDER BY {}",
    "SELECT count(*) FROM staff GROUP BY {}",
    "SELECT count(*) FROM staff HAVING max({}) > 1",
    "SELECT name FROM staff QUALIFY row_number() OVER (ORDER BY {}) = 1",
    "SELECT count(*) FILTER ({} > 1) FROM staff",
    "SELECT count(*) FROM staff a JOIN staff b USING ({})",
    "SELECT COLUMNS('{}') FROM staff",
    "SELECT COLUMNS(['{}']) FROM staff",
    "SELECT COLUMNS(lambda c: c = '{}') FROM staff",
    "SELECT greatest(*COLUMNS('{}')) FROM staff",
    "SELECT s['{}'] FROM staff AS s",
    "SELECT struct_extract(s, '{}') FROM staff AS s",
    "SELECT x.{} FROM (SELECT * FROM staff) AS x",
    "WITH x AS (FROM staff) SELECT {} FROM x",
    "SELECT x.{} FROM (SELECT 1 AS a) AS x",
    "SELECT {} FROM (VALUES (1)) AS v(a)",
    "SELECT {} FROM (SELECT name FROM staff)",
    "SELECT (SELECT {}) FROM staff",
    "SELECT name FROM members WHERE EXISTS (SELECT 1 FROM staff WHERE staff.{} > 1)",
    "SELECT {} + DATE '2024-01-01' FROM staff",
    "SELECT sum({}::DATE) FROM staff",
    "SELECT DISTINCT ON ({}) name FROM staff",
    "SELECT {} FROM staff WHERE '101'::BIT <> '100'::BIT",
    "SELECT name FROM staff UNION ALL SELECT {} FROM staff",
    "UNPIVOT staff ON {} INTO NAME n VALUE v",
    "PIVOT staff ON {} USING count(*)",
    "PIVOT staff ON role USING max({})",
    "EXPLAIN SELECT {} FROM staff",
    "EXPLAIN ANALYZE SELECT {} FROM staff",
    "DESCRIBE SELECT {} FROM staff",
    "SUMMARIZE SELECT {} FROM staff",
    'SELECT {} FROM "reading room"',
    'SELECT b.{} FROM "reading room" AS b, staff',
]
TABLE_GUESSES = [
    "SELECT * FROM {}",
    "SELECT * FROM main.{}",
    "SELECT * FROM library.main.{}",
    "SELECT title FROM books JOIN {} ON true",
    "SELECT title FROM books WHERE EXISTS (FROM {})",
    "WITH {} AS (FROM {}) FROM {}",
    "DESCRIBE {}",
    "SHOW {}",
    "SUMMARIZE {}",
    "DESCRIBE '{}'",
    "PIVOT {} ON a USING count(*)",
    "UNPIVOT {} ON a INTO NAME n VALUE v",
    "EXPLAIN FROM {}",
    "SELECT {} FROM books",
    "SELECT {}.title FROM books",
    "SELECT NULL::{}",
    "SELECT {}(1)",
    "FROM query_table('{}')",
    "SELECT 'a' COLLATE {}",
]
OTHER_GUESSES = [
    ("SELECT {}()", "top_code"),
    ("SELECT main.{}()", "top_code"),
    ("SELECT library.main.{}()", "top_code"),
    ("SELECT title.{}() FROM books", "top_code"),
    ("FROM {}('desk')", "roles"),
    ("FROM books, LATERAL {}('desk')", "roles"),
    ("SELECT * FROM {}.loans", "archive"),
    ("SHOW TABLES FROM {}", "archive"),
    ("SHOW TABLES FROM library.{}", "archive"),
    ("SELECT nextval('{}')", "tickets"),
]


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize(
    ("sql", "denied"),
    [
        *((sql, name) for sql in COLUMN_GUESSES for name in ("wage", "WAGE")),
        *((sql, name) for sql in TABLE_GUESSES for name in ("vault", "codes")),
        *OTHER_GUESSES,
    ],
)
def test_guessed_and_real_denied_names_look_the_same(
    sql: str, denied: str, thorough: bool, session_judge: guard.Judge, policy: Policy
) -> None:
    # Unlike every name, so that no hint takes it for another.
    unknown = "zqxjkvwfbyzqxjk"[: len(denied)]
    hit, guess = (
        guard.examine(sql.replace("{}", name), policy, session_judge, collect_all=thorough)
        for name in (denied, unknown)
    )
    assert not hit.is_allowed
    # Whether a policy objects or nothing of that name is there is told by the rule, and by nothing else.
    texts = (_FUNCTION_HINT.sub("", str(verdict)).replace("rule='column'", "rule='bind'") for verdict in (hit, guess))
    hit_text, guess_text = texts
    assert hit_text.replace(denied, unknown) == guess_text


def test_every_judge_is_asked_of_a_refused_tree(session_judge: guard.Judge, policy: Policy) -> None:
    sql = "SELECT nextval('tickets'), pin FROM members"
    first = guard.examine(sql, policy, session_judge)
    every = guard.examine(sql, policy, session_judge, collect_all=True)
    assert {finding.judge for finding in first.findings} == {"engine-tree"}
    assert {finding.judge for finding in every.findings} == {"engine-tree", "engine-plan"}
    assert every.judges == ("lexical", "engine-tree", "engine-plan", "sqlglot")


def test_check_raises_with_every_finding(session_judge: guard.Judge, policy: Policy) -> None:
    with pytest.raises(GuardError) as caught:
        guard.check("SELECT nextval('tickets') FROM vault", policy, session_judge)
    assert {finding.rule for finding in caught.value.findings} == {"table", "function"}


def test_engine_objections_are_query_errors(session_judge: guard.Judge, policy: Policy) -> None:
    with pytest.raises(QueryError, match=r"titel.*\(line 1, column 8\)") as caught:
        guard.check("SELECT titel FROM books", policy, session_judge)
    assert "title" in caught.value.hint


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("DESCRIBE staff", "Write DESCRIBE SELECT {} FROM staff."),
        ("SHOW Staff", "Write DESCRIBE SELECT {} FROM Staff."),
        ("DESCRIBE main.staff", "Write DESCRIBE SELECT {} FROM staff."),
        ("SUMMARIZE staff", "Write SUMMARIZE SELECT {} FROM staff."),
        ("FROM (SUMMARIZE staff) AS s", "Write SUMMARIZE SELECT {} FROM staff."),
        ("DESCRIBE SELECT * FROM books JOIN staff ON true", "Write DESCRIBE SELECT {} FROM …."),
        ("SELECT * FROM staff", "Name the columns, and only these: {}."),
    ],
)
def test_what_describes_a_table_is_told_the_query_that_may(
    sql: str, hint: str, session_judge: guard.Judge, policy: Policy
) -> None:
    (finding,) = guard.examine(sql, policy, session_judge).findings
    columns = hint.partition("{}")[0]
    assert finding.rule == "column" and finding.hint.startswith(columns) and "wage" not in finding.hint.lower()
    assert finding.hint.endswith(hint.partition("{}")[2])
    written = finding.hint.removeprefix("Write ").removesuffix(".")
    assert "…" in hint or hint.startswith("Name") or guard.examine(written, policy, session_judge).is_allowed


def test_sqlglot_writes_no_log_of_what_it_does_not_know(
    session_judge: guard.Judge, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    from nl2sql.answer.reading import explain_sql

    sql = "EXPLAIN ANALYZE SELECT title FROM books"
    assert guard.examine(sql, policy, session_judge).is_allowed
    explain_sql(sql, "duckdb")
    assert caplog.records == []


def test_allow_list_hides_all_other_tables(session_judge: guard.Judge) -> None:
    only_books = Policy(allow_tables=frozenset({"BOOKS"}))
    assert guard.examine("SELECT title FROM books", only_books, session_judge).is_allowed
    finding = guard.examine("SELECT name FROM members", only_books, session_judge).findings[0]
    assert (finding.rule, finding.hint) == ("table", "Readable tables: books.")


def test_verdict_says_what_is_read(session_judge: guard.Judge, policy: Policy) -> None:
    verdict = guard.examine("SELECT upper(branch) FROM lent_by_branch", policy, session_judge)
    assert verdict.tables == ("loans", "members")
    assert set(verdict.columns) == {"loans.member_id", "members.branch", "members.member_id"}
    assert verdict.functions == ("upper",)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT E'\\xe2\\x80\\xae1'", "invisible-character"),
        ("SELECT E'\\x1b[2J'", "control-character"),
        ("SELECT 1 AS x WHERE 'a' = E'\\010'", "control-character"),
        ("EXPLAIN SELECT E'\\e[31m'", None),
        ("SUMMARIZE SELECT E'\\xe2\\x80\\x8b' AS x", "invisible-character"),
        ("SELECT E'a\\tb\\nc\\u00e9'", None),
        ("SELECT chr(8238), chr(27)", None),
    ],
)
def test_what_escapes_spell_is_bounded_as_what_is_written(
    sql: str, rule: str | None, session_judge: guard.Judge, policy: Policy
) -> None:
    assert sql.isascii()
    verdict = guard.examine(sql, policy, session_judge)
    assert [finding.rule for finding in verdict.findings] == ([rule] if rule else [])
    # What may run may be judged again: pages and replays of an answer do so.
    assert rule or guard.examine(verdict.sql, policy, session_judge).is_allowed


def test_what_is_too_long_spelled_out_is_refused(session_judge: guard.Judge, policy: Policy) -> None:
    sql = "SELECT " + ", ".join(["1::INT"] * 1500)
    assert len(sql) < 20_000
    finding = guard.examine(sql, policy, session_judge).findings[0]
    assert (finding.rule, finding.message[:11]) == ("too-long", "spelled out")


def test_many_objections_are_cut(session_judge: guard.Judge, policy: Policy) -> None:
    sql = f"SELECT {', '.join(f'f{number}()' for number in range(500))}"
    assert len(guard.examine(sql, policy, session_judge).findings) == 20


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('cannot open "/srv/data/x.duckdb": gone', 'cannot open "…": gone'),
        ("path C:\\data\\x.csv failed", "path … failed"),
        ("a / b and 3/4/5 stay", "a / b and 3/4/5 stay"),
    ],
)
def test_paths_are_left_out(text: str, kept: str) -> None:
    assert guard.mask_paths(text) == kept
