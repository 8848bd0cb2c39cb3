"""The data panel: tables and views, their columns and values, and which of them questions are about.

It shows only what the policy allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from nl2sql import Assistant, Column, NL2SQLError, Table
from ui.error_text import show_errors_in_place
from ui.markdown_escape import escape_markdown
from ui.mentions import redraw_pins
from ui.page_conversations import Conversation
from ui.page_server import Server
from ui.switches import save_pinned_tables
from ui.table_list import TableListItem, draw_table_list
from ui.table_preview import describe_key, quote_table, show_table, write_value_test

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_TABLES: Final = 40
_MAX_SAMPLES: Final = 3
_MAX_VALUE_CHARS: Final = 60
_MAX_COMMENT_CHARS: Final = 300
_MAX_NOTES: Final = 5
_MAX_NOTE_CHARS: Final = 400
_MAX_VALUE_HITS: Final = 8
_MIN_SEARCH_CHARS: Final = 2
_MAX_COUNT_SECONDS: Final = 2.0


@st.fragment
@show_errors_in_place
def show_data(shared: Server, conversation: Conversation) -> None:
    """Show the tables that match the search, those of added files first, and where the data holds the value."""
    assistant = shared.get_assistant(conversation)
    tables = list_newest_first(assistant)
    st.multiselect(
        "Ask about these tables",
        [table.name for table in tables],
        key="pinned",
        on_change=save_pinned_tables,
        args=(shared,),
        placeholder="Any table",
        help="Questions are answered from these tables and the tables that their keys refer to. "
        "You can also name a table in the question: @orders.",
    )
    redraw_pins()
    searched = st.text_input("Search the data", key="search", placeholder="Table, column, comment or value").strip()
    found = [table for table in tables if _is_match(table, searched.lower())]
    _show_notes(shared)

    def open_clicked_table() -> None:
        st.session_state["looked"] = (st.session_state["tables"].look, None)

    draw_table_list([_make_list_item(table) for table in found[:_MAX_TABLES]], key="tables", on_look=open_clicked_table)
    values = _show_values(assistant, searched) if len(searched) >= _MIN_SEARCH_CHARS else False
    if not found and not values:
        st.caption("Nothing matches. Search for part of a name or of a value.")
    elif len(found) > _MAX_TABLES:
        st.caption(f"and {len(found) - _MAX_TABLES} more: search for part of a name.")
    name, where = st.session_state.pop("looked", (None, None))
    if looked := next((table for table in tables if table.name == name), None):
        show_table(shared, assistant, looked, where)


def list_newest_first(assistant: Assistant) -> list[Table]:
    """Return the visible tables: those of the last added files first, then the others in their order."""
    places = {upload.table: at for at, upload in enumerate(assistant.database.uploads)}
    tables = assistant.schema.tables
    return [
        *sorted((table for table in tables if table.name in places), key=lambda table: -places[table.name]),
        *(table for table in tables if table.name not in places),
    ]


def _show_values(assistant: Assistant, searched: str) -> bool:
    """Show where the data holds the text, with row counts; return whether it was found."""
    hits = assistant.database.find_values(searched, _MAX_VALUE_HITS)
    if not hits:
        return False
    counts = _count_rows(assistant, [(hit.table, hit.column, hit.text) for hit in hits])
    st.caption("Values")
    for at, hit in enumerate(hits):
        rows = counts.get(at)
        said = "" if rows is None else f" · {rows:,} row{'' if rows == 1 else 's'}"
        st.button(
            escape_markdown(f"{hit.table}.{hit.column} = {hit.text[:_MAX_VALUE_CHARS]}{said}"),
            key=f"value-{at}",
            type="tertiary",
            on_click=_open_table,
            args=(hit.table, (hit.column, hit.text)),
        )
    return True


def _open_table(table: str, where: tuple[str, str]) -> None:
    st.session_state["looked"] = (table, where)


def _count_rows(assistant: Assistant, places: Sequence[tuple[str, str, str]]) -> Mapping[int, int]:
    """Return how many rows hold each value, by one bounded query; empty where that takes too long."""
    counts: dict[Any, Mapping[int, int]] = st.session_state.setdefault("value-counts", {})
    asked = (assistant.url, assistant.schema.fingerprint, *places)
    if asked not in counts:
        tables = {table.name: table for table in assistant.schema.tables}
        sql = " UNION ALL ".join(
            f"SELECT {at} AS place, count(*) AS times FROM {quote_table(tables[table])} "
            f"WHERE {write_value_test(column, text)}"
            for at, (table, column, text) in enumerate(places)
        )
        limits = assistant.config.limits
        counts.clear()
        try:
            result = assistant.run(sql, limits=replace(limits, seconds=min(_MAX_COUNT_SECONDS, limits.seconds)))
            counts[asked] = dict(result.rows)
        except NL2SQLError:
            # A count is a help: the places are shown without it.
            counts[asked] = {}
    return counts[asked]


def _show_notes(shared: Server) -> None:
    """Show which settings were ignored or have no effect."""
    assistant = shared.assistant
    endpoint = assistant.config.endpoint_note
    notes = [
        *assistant.config.notes,
        *([endpoint] if endpoint else []),
        *assistant.database.notes,
        *assistant.database.policy_warnings,
    ]
    for note in notes[:_MAX_NOTES]:
        st.caption(f":material/info: {escape_markdown(note, _MAX_NOTE_CHARS)}")
    if len(notes) > _MAX_NOTES:
        st.caption(f"and {len(notes) - _MAX_NOTES} more notes: nl2sql schema shows them all.")


def _is_match(table: Table, wanted: str) -> bool:
    texts = [table.name, table.comment or "", *table.synonyms]
    texts += [text for column in table.columns for text in (column.name, column.comment or "", *column.synonyms)]
    return any(wanted in text.lower() for text in texts)


def _make_list_item(table: Table) -> TableListItem:
    rows = f"{table.row_count:,}" if table.row_count is not None else ""
    kind = " (view)" if table.kind == "view" else ""
    columns = [
        (column.name, column.type, describe_key(column, table), _describe_column(column)) for column in table.columns
    ]
    return TableListItem(table.name, (rows + kind).strip(), (table.comment or "")[:_MAX_COMMENT_CHARS], columns)


def _describe_column(column: Column) -> str:
    """Return name, type, comment, range and samples of a column, for its tooltip."""
    head = f"{column.name}: {column.type}"
    return "\n".join(filter(None, [head, (column.comment or "")[:_MAX_COMMENT_CHARS], _describe_values(column)]))


def _describe_values(column: Column) -> str:
    samples: Sequence[str] = column.values or column.samples
    if samples:
        shown = ", ".join(value[:_MAX_VALUE_CHARS] for value in samples[:_MAX_SAMPLES])
        return f"e.g. {shown}" + (", …" if len(samples) > _MAX_SAMPLES else "")
    return (
        f"{column.minimum[:_MAX_VALUE_CHARS]} to {column.maximum[:_MAX_VALUE_CHARS]}"
        if column.minimum and column.maximum
        else ""
    )
