"""The list of tables, each opened by a click to show its columns: one element of the page, however many tables.

Every name and text reaches the page as data and is set as text, so nothing in it is ever read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import streamlit as st

_HTML: Final = '<div class="tables"></div>'
_CSS: Final = """
.tables { font-family: var(--st-font); font-size: 0.86rem; color: var(--st-text-color); }
details { border-bottom: 1px solid var(--st-border-color-light, var(--st-border-color)); }
summary { cursor: pointer; padding: 0.4rem 0.2rem; overflow-wrap: anywhere; }
summary:hover { color: var(--st-primary-color); }
summary:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; border-radius: 4px; }
small { font-size: 0.8rem; opacity: 0.8; }
p { margin: 0 0 0.4rem 0.2rem; font-size: 0.8rem; overflow-wrap: anywhere; }
[role=region] { margin-bottom: 0.6rem; max-height: 24rem; overflow: auto; padding-left: 0.9rem; }
[role=region]:focus-visible { outline: 2px solid var(--st-primary-color); }
dl { margin: 0; }
dt { font-weight: 600; margin-top: 0.35rem; overflow-wrap: anywhere; }
dd { margin: 0; white-space: pre-line; font-size: 0.8rem; overflow-wrap: anywhere; }
"""
_JS: Final = """
export default function ({ data, parentElement }) {
  const list = parentElement.querySelector('.tables');
  const open = new Set([...list.querySelectorAll('details[open]')].map(one => one.dataset.table));
  const made = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
  const columns = table => {
    const region = document.createElement('div');
    region.tabIndex = 0;
    region.setAttribute('role', 'region');
    region.setAttribute('aria-label', `Columns of ${table.name}`);
    const all = document.createElement('dl');
    for (const [name, about] of table.columns) all.append(made('dt', name), made('dd', about));
    region.append(all);
    return region;
  };
  list.replaceChildren(...data.tables.map(table => {
    const box = document.createElement('details');
    box.dataset.table = table.name;
    const head = made('summary', table.name);
    head.append(made('small', table.note));
    box.append(head);
    const fill = () => {
      if (!box.open || box.childElementCount > 1) return;
      if (table.comment) box.append(made('p', table.comment));
      box.append(columns(table));
    };
    box.addEventListener('toggle', fill);
    if (open.has(table.name)) { box.open = true; fill(); }
    return box;
  }));
}
"""
_list = st.components.v2.component("nl2sql_tables", html=_HTML, css=_CSS, js=_JS)


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table of the list. `note` stands beside its name; `columns` are names, each with what there is to say of it."""

    name: str
    note: str
    comment: str
    columns: Sequence[tuple[str, str]]


def table_list(tables: Sequence[ListedTable], *, key: str) -> None:
    """Draw the list. Those that are open stay open when it is drawn anew."""
    _list(data={"tables": [asdict(table) for table in tables]}, key=key)
