"""The guard's database, a real locked DuckDB connection, and its parser as the guard asks for it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from nl2sql import guard
from nl2sql.engines.duckdb.duckdb_catalog import list_user_types
from nl2sql.engines.duckdb.duckdb_parser import open_twin
from nl2sql.errors import QueryError
from nl2sql.types import Column, Policy, Schema, Table, Verdict

HERE = Path(__file__).parent
POLICY = Policy(
    deny_tables=frozenset({"vault", "archive.loans", "codes"}), deny_columns=frozenset({"members.pin", "Staff.WAGE"})
)
LOCK = (
    "autoinstall_known_extensions=false",
    "autoload_known_extensions=false",
    "python_enable_replacements=false",
    "temp_directory=''",
    "memory_limit='256MB'",
    "max_expression_depth=60",
    "enable_external_access=false",
    "lock_configuration=true",
)


def blocks(name: str) -> list[str]:
    """The cases of a file: blocks between blank lines, the file's own heading left out."""
    return (HERE / name).read_text(encoding="utf-8").strip().split("\n\n")[1:]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection with no files, no extensions and locked settings."""
    connection = duckdb.connect(str(path), read_only=True, config={"threads": 1})
    try:
        for setting in LOCK:
            connection.execute(f"SET {setting}")
        yield connection
    finally:
        connection.close()


class DuckParser:
    """An EngineParser over one connection; `twin` binds instead of it where given."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        twin: duckdb.DuckDBPyConnection | None = None,
        attached: frozenset[str] = frozenset(),
    ) -> None:
        self.attached_catalogs = attached
        self._connection = connection
        self._twin = twin or connection
        self.catalog = str(_one(connection, "SELECT current_database()"))
        rows = connection.execute("SELECT function_name FROM duckdb_functions() WHERE NOT internal").fetchall()
        self._user_functions = frozenset(name.lower() for (name,) in rows)

    def read_syntax_tree(self, sql: str) -> str:
        return str(_one(self._connection, "SELECT json_serialize_sql(?::VARCHAR)", sql))

    def bind_plan(self, sql: str) -> str:
        return str(_one(self._twin, "SELECT json_serialize_plan(?::VARCHAR, optimize := false)", sql))

    def bind_plan_over(self, schema: Schema, sql: str) -> str:
        with contextlib.closing(open_twin(self.catalog, schema, 5.0, self.attached_catalogs)) as twin:
            return str(_one(twin, "SELECT json_serialize_plan(?::VARCHAR, optimize := false)", sql))

    def read_tree_and_plan(self, sql: str) -> tuple[str, str]:
        return self.read_syntax_tree(sql), self.bind_plan(sql)

    def tokenize(self, sql: str) -> list[guard.Token]:
        encoded = sql.encode()
        starts = duckdb.tokenize(sql)
        ends = [*(start for start, _ in starts[1:]), len(encoded)]
        return [guard.Token(k.name, encoded[a:b].decode()) for (a, k), b in zip(starts, ends, strict=True)]

    def write_sql(self, tree: str) -> str:
        return str(_one(self._connection, "SELECT json_deserialize_sql(?::JSON)", tree))

    def read_physical_plan(self, sql: str) -> str:
        rows = self._twin.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        return str(rows[0][1])

    def describe_query(self, sql: str) -> list[tuple[str | None, ...]]:
        return self._twin.execute(f"DESCRIBE ({sql})").fetchall()

    def read_values(self, sql: str) -> list[str]:
        return [str(value) for (value,) in self._connection.execute(sql).fetchall()]

    def list_user_functions(self) -> frozenset[str]:
        return self._user_functions

    def list_user_types(self) -> Mapping[tuple[str, str], str]:
        return list_user_types(lambda sql: self._connection.execute(sql).fetchall())


def _one(connection: duckdb.DuckDBPyConnection, sql: str, *values: str) -> object:
    try:
        row = connection.execute(sql, values).fetchone()
    except duckdb.Error as exc:
        raise QueryError(str(exc)) from exc
    assert row is not None
    return row[0]


def introspect(connection: duckdb.DuckDBPyConnection) -> Schema:
    """Tables and views with their columns; no profile."""
    views = {tuple(r) for r in connection.execute("SELECT schema_name, view_name FROM duckdb_views()").fetchall()}
    rows = connection.execute(
        "SELECT schema_name, table_name, list((column_name, data_type) ORDER BY column_index) "
        "FROM duckdb_columns() WHERE NOT internal GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return Schema(
        tuple(
            Table(
                table if schema == "main" else f"{schema}.{table}",
                tuple(Column(name, type_) for name, type_ in columns),
                kind="view" if (schema, table) in views else "table",
            )
            for schema, table, columns in rows
        )
    )


class InProcessJudge:
    """Runs the judges in this process, as an engine's worker does in its own."""

    def __init__(self, schema: Schema, parser: guard.EngineParser | None, dialect: str = "duckdb") -> None:
        self.schema = schema
        self._parser = parser
        self._dialect = dialect

    def judge(self, sql: str, policy: Policy, *, collect_all: bool = False) -> Verdict:
        if self._parser is None:
            return guard.judge_by_names(sql, self.schema, policy, self._dialect)
        return guard.judge(sql, self.schema, policy, self._parser, collect_all=collect_all)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`allowed_sql` and `blocked_case` (rule and text) run once for each case of their file."""
    if "allowed_sql" in metafunc.fixturenames:
        metafunc.parametrize("allowed_sql", blocks("allowed.sql"))
    if "blocked_case" in metafunc.fixturenames:
        cases = [tuple(block.removeprefix("-- rule: ").split("\n", 1)) for block in blocks("blocked.sql")]
        metafunc.parametrize("blocked_case", cases, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(cases)])


@pytest.fixture(scope="session")
def library_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's database file."""
    path = tmp_path_factory.mktemp("guard") / "library.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute((HERE / "library.sql").read_text(encoding="utf-8"))
    return path


@pytest.fixture
def connection(library_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The library, locked."""
    with locked(library_file) as connection:
        yield connection


@pytest.fixture
def judge(connection: duckdb.DuckDBPyConnection) -> guard.Judge:
    """The judges over the library."""
    return InProcessJudge(introspect(connection), DuckParser(connection))


@pytest.fixture(scope="session")
def session_judge(library_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessJudge]:
    """The judges over one connection for the whole session, for tests that try many texts and run none.

    It opens a copy, as connections of one process to one file share their settings.
    """
    copy = shutil.copy(library_file, tmp_path_factory.mktemp("copy") / library_file.name)
    with locked(Path(copy)) as connection:
        yield InProcessJudge(introspect(connection), DuckParser(connection))


@pytest.fixture(scope="session")
def judge_over() -> Callable[..., guard.Judge]:
    """The judges over any open connection: `judge_over(connection, twin=None)`; schema and plans from the twin."""

    def over(connection: duckdb.DuckDBPyConnection, twin: duckdb.DuckDBPyConnection | None = None) -> InProcessJudge:
        return InProcessJudge(introspect(twin or connection), DuckParser(connection, twin))

    return over


@pytest.fixture(scope="session")
def judge_alone(session_judge: InProcessJudge) -> Callable[[str], guard.Judge]:
    """The judges of an engine with that dialect and no parser that the guard can ask."""
    return lambda dialect: InProcessJudge(session_judge.schema, None, dialect)


@pytest.fixture(scope="session")
def policy() -> Policy:
    """Denies a table, a schema's table, a view and two columns."""
    return POLICY
