"""`nl2sql history`: what was asked and answered before.

It prints what the store remembers; it runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from nl2sql.cli import results
from nl2sql.cli.options import config_option, output_option, session_option
from nl2sql.cli.resources import open_history
from nl2sql.cli.terminal import print_note
from nl2sql.config import load_config
from nl2sql.errors import ConfigError
from nl2sql.store import HistoryEntry, make_entry_object
from nl2sql.store.replay_diff import get_replay_sql
from nl2sql.text_safety import make_one_line
from nl2sql.types import Receipt, ResultColumn

if TYPE_CHECKING:
    import pyarrow as pa

_FACT_CHARS: Final = 10_000
_QUESTION_CHARS: Final = 200
_LIST_FORMATS: Final = ("table", "csv", "json", "jsonl", "md", "parquet", "sql")
_LINES: Final = {
    "id": "VARCHAR",
    "at": "VARCHAR",
    "session": "VARCHAR",
    "question": "VARCHAR",
    "status": "VARCHAR",
    "answer": "VARCHAR",
    "sql": "VARCHAR",
    "row_count": "BIGINT",
    "truncated": "BOOLEAN",
    "result_hash": "VARCHAR",
    "verified_query": "VARCHAR",
    "model": "VARCHAR",
    "db": "VARCHAR",
    "face": "VARCHAR",
    "rating": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class HistoryFlags:
    """The flags of `history`. `id` is the answer to show, by its first characters; None lists all."""

    id: str | None
    search: str
    session: str | None
    limit: int
    eval_file: Path | None
    output: str
    config: Path | None


@click.command("history", epilog='Example: nl2sql history --search "revenue month" --limit 5')
@click.argument("id", required=False)
@click.option(
    "--search", metavar="TEXT", default="", help="Only answers whose question or SQL contains all these words."
)
@session_option
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="Maximum number of answers; 0 for all.",
)
@click.option(
    "--eval",
    "eval_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add the answer ID to this file of questions for nl2sql eval. Check that it is right first.",
)
@output_option(*_LIST_FORMATS)
@config_option
def history_command(**flags: Any) -> int:
    """List earlier answers, newest first, or show one by its ID.

    The first characters of an ID are enough.
    """
    own = HistoryFlags(**flags)
    if own.eval_file is not None and own.id is None:
        raise ConfigError("--eval needs the ID of an answer", "`nl2sql history` lists them.")
    with open_history(load_config(own.config)) as store:
        if own.id is None:
            entries = store.list_entries(search=own.search, session=own.session, limit=own.limit or None)
        else:
            entry = store.get_entry(own.id)
            if own.eval_file is None:
                _show_entry(entry, own.output)
            else:
                earlier = store.list_entries(session=entry.session, limit=None) if entry.session else []
                _add_to_questions(entry, own.eval_file, follows=any(other.at < entry.at for other in earlier))
            return 0
    _show_entries(entries, own)
    return 0


def _show_entries(entries: Sequence[HistoryEntry], own: HistoryFlags) -> None:
    if not entries and own.output == "table":
        is_search = own.search or own.session
        print_note("note: no earlier answer matches" if is_search else 'note: no answers yet: nl2sql ask "…"')
    elif own.output == "json":
        results.write_json({"entries": [make_entry_object(entry) for entry in entries]})
    elif own.output == "sql":
        results.write_text("\n".join(f"{entry.sql};" for entry in entries if entry.sql))
    elif own.output == "table":
        _write_overview(entries)
    else:
        _write_batch(entries, own.output)


def _add_to_questions(entry: HistoryEntry, file: Path, *, follows: bool) -> None:
    """Add the answer to a file of questions; `follows` says that it was a follow-up.

    Raises:
        ConfigError: the answer was rated bad, has no SQL, or the file cannot be written.
    """
    from nl2sql.evals.example_file import EvalExample, GoldQuery, Question, append_example

    if entry.rating is False:
        raise ConfigError(f"the answer {entry.id} was rated bad", "Choose one that is right, or rate it again.")
    question = Question(entry.id, Path(entry.url).stem, entry.question)
    append_example(file, EvalExample(question, GoldQuery(get_replay_sql(entry))))
    print_note(f"added to {file}: {make_one_line(entry.question, _QUESTION_CHARS)}")
    if follows:
        print_note(
            "note: this was a follow-up question; reword it in that file so that it can be understood on its own"
        )


def _write_overview(entries: Sequence[HistoryEntry]) -> None:
    rows = [
        [e.id, _format_time(e), e.status.value, "" if e.row_count is None else f"{e.row_count:,}", e.question]
        for e in entries
    ]
    results.write_text_table(["id", "when", "status", "rows", "question"], rows, numeric=(3,))


def _show_entry(entry: HistoryEntry, output: str) -> None:
    if output == "json":
        results.write_json(make_entry_object(entry))
    elif output == "sql":
        if entry.sql is None:
            raise ConfigError(f"the answer {entry.id} has no SQL", "Choose another one.")
        results.write_text(entry.sql)
    elif output == "table":
        results.write_text("\n".join(f"{name}: {text}" for name, text in _describe_entry(entry) if text))
    else:
        _write_batch([entry], output)


def _describe_entry(entry: HistoryEntry) -> list[tuple[str, str]]:
    usage, seconds = entry.usage, entry.seconds
    rows = "" if entry.row_count is None else f"{entry.row_count:,}{' (there were more)' if entry.truncated else ''}"
    cost = "" if usage.cost_usd is None else f", ${usage.cost_usd:.4f}"
    tokens = f"{usage.model_calls} calls, {usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out{cost}"
    facts = [
        ("question", entry.question),
        ("answer", entry.text),
        ("SQL", ""),
        ("status", entry.status.value),
        ("error", f"{entry.error.message} {entry.error.hint}".strip() if entry.error else ""),
        ("rows", rows),
        ("columns", ", ".join(f"{column.name} {column.type}" for column in entry.columns)),
        ("when", _format_time(entry)),
        ("took", f"{seconds.total:.2f} s (model {seconds.model:.2f}, database {seconds.database:.2f})"),
        ("model", f"{entry.model}: {tokens}" if entry.model else ""),
        ("verified query", entry.verified_query or ""),
        ("database", entry.url),
        ("session", entry.session or ""),
        ("receipt", _describe_receipt(entry.receipt)),
        ("rating", "" if entry.rating is None else "good" if entry.rating else "bad"),
        ("comment", entry.comment),
        ("id", entry.id),
    ]
    return [(name, (entry.sql or "") if name == "SQL" else make_one_line(text, _FACT_CHARS)) for name, text in facts]


def _describe_receipt(receipt: Receipt | None) -> str:
    """Return the hashes and versions that the answer was made from."""
    if receipt is None:
        return ""
    hashes = {"schema": receipt.schema, "data": receipt.data[:16], "policy": receipt.policy, "prompt": receipt.prompt}
    parts = [f"{name} {value}" for name, value in {**hashes, **receipt.versions}.items() if value]
    return ", ".join(parts)


def _format_time(entry: HistoryEntry) -> str:
    return entry.at.astimezone().strftime("%Y-%m-%d %H:%M")


def _write_batch(entries: Sequence[HistoryEntry], output: str) -> None:
    columns = [ResultColumn(name, kind) for name, kind in _LINES.items()]
    results.write_batches(output, columns, [_make_batch(entries)])


def _make_batch(entries: Sequence[HistoryEntry]) -> pa.RecordBatch:
    import pyarrow as pa

    kinds: dict[str, Any] = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "BOOLEAN": pa.bool_()}
    objects = [make_entry_object(entry) for entry in entries]
    arrays = [pa.array([one[name] for one in objects], kinds[kind]) for name, kind in _LINES.items()]
    return pa.RecordBatch.from_arrays(arrays, list(_LINES))
