"""What may run: `check` lets a text through to an engine, or says which rule stops it and what to write instead.

It does not run queries, and it does not bound time or memory.

What runs is what was judged: on DuckDB the engine's own spelling of the text, never the text itself and never what
another parser writes. These judges must agree; sqlglot helps where it can read the text:

    judge        sees                                     holds
    lexical      the text                                 length, nesting, control and invisible characters
    engine-tree  DuckDB's syntax tree, of the text and    one statement, read-only to the last WITH; functions, types
                 again of DuckDB's spelling of it         and collations on a list, tables known and allowed
    engine-plan  DuckDB's bound plan, unoptimised         every scan an allowed table with no denied column, every
                 (views, macros, stars resolved)          operator on a list
    sqlglot      its tree of DuckDB's spelling            the same tables, functions and columns; a helper

DESCRIBE, SHOW t, SHOW TABLES, SUMMARIZE and PIVOT without values are written as plain SELECTs first, and then judged
like any text; so is the query under an EXPLAIN or EXPLAIN ANALYZE, which gets its EXPLAIN back. What they are about
must be allowed itself: a table is described and summarized only where all of it may be read, and listed where it may
be seen.

The judges also decide what a schema may show (`visible_schema`). What is denied and what does not exist get the same
words: columns are looked up by a binder that knows only the readable ones.

Where DuckDB cannot put a plan into JSON, both trees decide, and only over tables proper without denied columns;
else the text is refused. On engines other than DuckDB (`judge_by_names`) sqlglot's rules decide on the text that
sqlglot writes, then the opinions that the engine adds, such as its server's EXPLAIN; the session must be read-only:
`sqlglot_rules` says what that is worth. `Dialect` is what the guard and its callers know of a database's SQL.

Rules, as findings name them:

    empty too-long too-deep control-character invisible-character      the text
    syntax bind                                                        the engine cannot run it: QueryError
    one-statement read-only explain describe dynamic-pivot             what kind of statement
    parameter syntax-not-allowed function table-function               what it is made of
    type collation                                                     what it names
    table column scan operator                                         what it would read or do
    cannot-be-judged too-costly second-parser                          what the judges could not settle

What another wall holds: the engine's lock (read-only, no files, no network, no extensions, settings locked) stands
alone against every write, but leaves denied tables readable; the operating system's limits on the worker end what
costs too much, as any text here may, judging included. What no wall holds: an owner's view decides for itself
which rows it shows, and EXPLAIN shows how; the guard judges access to tables and columns, not what can be
inferred from the values that may be read.
"""

import logging

from nl2sql.guard.checking import Judge, check, examine
from nl2sql.guard.dialects import Dialect, SecondOpinion, judge_by_names
from nl2sql.guard.judges import DUCKDB_JUDGES, judge
from nl2sql.guard.name_resolution import Names, mask_paths
from nl2sql.guard.parser_protocols import EngineParser, Token
from nl2sql.guard.token_scan import strip_explain
from nl2sql.guard.visible_schema import deny_refused, mark_refused

__all__ = [
    "DUCKDB_JUDGES",
    "Dialect",
    "EngineParser",
    "Judge",
    "Names",
    "SecondOpinion",
    "Token",
    "check",
    "deny_refused",
    "examine",
    "judge",
    "judge_by_names",
    "mark_refused",
    "mask_paths",
    "strip_explain",
]


def _is_wanted(record: logging.LogRecord) -> bool:
    """Not what sqlglot says of statements that it takes for commands: it quotes them, and no judgement rests on it."""
    return "parsing as a 'Command'" not in str(record.msg)


logging.getLogger("sqlglot").addFilter(_is_wanted)
