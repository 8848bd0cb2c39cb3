"""The data: its tables and views, what they hold, and which of them questions are about.

It shows what the policy lets be seen, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from nl2sql import Column, Table
from ui.conversations import Conversation
from ui.errors import errors_shown
from ui.plain import plain
from ui.server import Server
from ui.switches import keep_tables
from ui.table_list import ListedTable, table_list

_SHOWN: Final = 40
_SAMPLES: Final = 3
_CHARS: Final = 60
_COMMENT_CHARS: Final = 300
_NOTES: Final = 5
_NOTE_CHARS: Final = 400


@st.fragment
@errors_shown
def show_data(shared: Server, conversation: Conversation) -> None:
    """The tables that match the search."""
    tables = shared.assistant_of(conversation).schema.tables
    st.multiselect(
        "Ask about these tables",
        [table.name for table in tables],
        key="pinned",
        on_change=keep_tables,
        args=(shared,),
        placeholder="Any table",
        help="Questions are answered from these tables and those that their keys lead to. "
        "Or name one in the question: @orders.",
    )
    wanted = st.text_input("Search the data", key="search", placeholder="Table, column or comment").strip().lower()
    found = [table for table in tables if _matches(table, wanted)]
    _show_notes(shared)
    table_list([_listed(table) for table in found[:_SHOWN]], key="tables")
    if not found:
        st.caption("Nothing matches. Search for a part of a name.")
    elif len(found) > _SHOWN:
        st.caption(f"and {len(found) - _SHOWN} more: search for a part of a name.")


def _show_notes(shared: Server) -> None:
    """What of the settings was not obeyed, or does nothing."""
    assistant = shared.assistant
    endpoint = assistant.config.endpoint_note
    notes = [*assistant.config.notes, *([endpoint] if endpoint else []), *assistant.notes, *assistant.policy_warnings]
    for note in notes[:_NOTES]:
        st.caption(f":material/info: {plain(note, _NOTE_CHARS)}")
    if len(notes) > _NOTES:
        st.caption(f"and {len(notes) - _NOTES} more notes: nl2sql schema says them all.")


def _matches(table: Table, wanted: str) -> bool:
    texts = [table.name, table.comment or "", *table.synonyms]
    texts += [text for column in table.columns for text in (column.name, column.comment or "", *column.synonyms)]
    return any(wanted in text.lower() for text in texts)


def _listed(table: Table) -> ListedTable:
    rows = f" · {table.row_count:,}" if table.row_count is not None else ""
    kind = " (view)" if table.kind == "view" else ""
    columns = [(column.name, _about(column, table)) for column in table.columns]
    return ListedTable(table.name, rows + kind, (table.comment or "")[:_COMMENT_CHARS], columns)


def _about(column: Column, table: Table) -> str:
    """Type, keys, comment, range and samples of a column."""
    parts = [column.type]
    if column.name in table.primary_key:
        parts.append("primary key")
    for key in table.foreign_keys:
        if column.name in key.columns:
            target = key.target_columns[key.columns.index(column.name)]
            parts.append(f"→ {key.target_table}.{target}" + (" (inferred)" if key.inferred else ""))
    head = ", ".join(parts)
    return "\n".join(filter(None, [head, (column.comment or "")[:_COMMENT_CHARS], _values(column)]))


def _values(column: Column) -> str:
    samples: Sequence[str] = column.values or column.samples
    if samples:
        shown = ", ".join(value[:_CHARS] for value in samples[:_SAMPLES])
        return f"e.g. {shown}" + (", …" if len(samples) > _SAMPLES else "")
    return f"{column.minimum[:_CHARS]} to {column.maximum[:_CHARS]}" if column.minimum and column.maximum else ""
