"""DuckDB opened read-only and locked: what its own settings can forbid, they forbid, and no statement undoes it.

Settings forbid writing to the database, other files, the network, extensions, secrets and Python objects. They
don't keep a table or column from being read (the guard does), don't bound the memory of scalar functions
(`os_limits` does), and leave the files named in `data_files` open for writing too (`landlock` does not). So the worker
asks one last question before anything runs, `check_single_select`: is the text one SELECT? It does not judge what the
SELECT reads; the guard has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from nl2sql.engines.duckdb.duckdb_dialect import DUCKDB
from nl2sql.engines.files.allowed_paths import find_moved_file, write_allowed_paths
from nl2sql.engines.worker.os_limits import BUFFER_RATIO
from nl2sql.engines.worker.pipe_messages import MOVED
from nl2sql.schema.identifiers import quote_literal, quote_name

MAX_EXPRESSION_DEPTH: Final = 60
# The parent counts a query's seconds and leaves out those that a slow reader takes; DuckDB cannot tell them apart.
LAST_RESORT_SECONDS: Final = 3600

_TREE: Final = "SELECT system.main.json_serialize_sql(?::VARCHAR)"
_WRITING_NODE: Final = re.compile(r'"type":"(?!CTE_|RECURSIVE_CTE_|SELECT_|SET_OPERATION_)[A-Z_]*_NODE"')


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a locked session may take, and what it reads.

    `memory` and `spill` are bytes. `data_files` are the paths that views may read; without them, and without `spill`,
    the local file system is off altogether. `attachments` are database files to open beside it, by the catalog's name.
    `time_zone` is where days begin and end, whatever the machine's own zone is.
    """

    memory: int
    seconds: float
    threads: int = 1
    spill: int = 0
    spill_folder: str = ""
    data_files: Sequence[str] = ()
    attachments: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = "UTC"


def open_locked(path: str, options: SessionOptions) -> duckdb.DuckDBPyConnection:
    """Open the database file and lock it.

    Raises:
        duckdb.Error: it is no database file, or another process writes to it.
        OSError: a data file is no longer the one that was named.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": options.threads,
        "async_threads": 0,
        "allow_unsigned_extensions": "false",
    }
    connection = duckdb.connect(path, read_only=True, config=config)
    for catalog, file in options.attachments.items():
        connection.execute(f"ATTACH {quote_literal(file)} AS {quote_name(catalog)} (READ_ONLY)")
    connection.execute(f"SET GLOBAL TimeZone={quote_literal(options.time_zone)}")
    lock(
        connection,
        memory=options.memory,
        seconds=options.seconds,
        spill=options.spill,
        spill_folder=options.spill_folder if options.spill else "",
        data_files=options.data_files,
    )
    return connection


def lock(
    connection: duckdb.DuckDBPyConnection,
    *,
    memory: int,
    seconds: float,
    spill: int = 0,
    spill_folder: str = "",
    data_files: Sequence[str] = (),
) -> None:
    """Lock the instance behind the connection for good; arguments as in `SessionOptions`.

    Raises:
        OSError: a data file is no longer the one that was named.
    """
    for statement in DUCKDB.read_only_statements:
        connection.execute(statement)
    settings = [
        f"max_expression_depth={MAX_EXPRESSION_DEPTH}",
        f"temp_directory={quote_literal(spill_folder)}",
        f"max_temp_directory_size='{spill}B'",
        f"memory_limit='{int(memory * BUFFER_RATIO)}B'",
        f"max_execution_time={int(max(seconds, LAST_RESORT_SECONDS) * 1000)}",
        write_allowed_paths(data_files),
        "enable_external_access=false",
    ]
    if not data_files and not spill:
        settings.append("disabled_filesystems='LocalFileSystem'")
    # A plain SET of some of these would hold for this connection alone, not for the cursors that judge and run.
    for setting in (*settings, "lock_configuration=true"):
        connection.execute(f"SET GLOBAL {setting}")
    if data_files and (moved := find_moved_file(connection, data_files)):
        raise OSError(f"{Path(moved).name} {MOVED}")


def check_single_select(cursor: Any, sql: str) -> str:
    """Why the text is no SELECT; empty where it is one.

    A COPY or an INSERT may hide in a WITH, and a locked DuckDB still opens its own files for writing. EXPLAIN of a
    SELECT passes in the guard's own spelling.
    """
    from nl2sql.guard import strip_explain

    tree = str(cursor.execute(_TREE, [strip_explain(sql)]).fetchall()[0][0])
    try:
        document = json.loads(tree)
    except (ValueError, RecursionError):
        document = {"error": True}
    if document["error"] or len(document["statements"]) != 1 or _WRITING_NODE.search(tree):
        return "only one SELECT at a time runs here"
    return ""
