"""The list of tables, each opened by a click to show its columns: one element, however many tables.

Names and texts are sent as data and set as text, so nothing in them is read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import streamlit as st

_HTML: Final = '<div class="tables"></div>'
_CSS: Final = """
.tables { font-family: var(--st-font); font-size: 0.86rem; color: var(--st-text-color); }
.table { position: relative; border-bottom: 1px solid var(--st-border-color-light, var(--st-border-color)); }
summary { cursor: pointer; padding: 0 2rem 0 1.1rem; min-height: 28px; display: flex; align-items: center;
  gap: 0.5rem; }
summary::before { content: '\\25b8' / ''; position: absolute; left: 0.2rem; opacity: 0.7; }
details[open] > summary::before { content: '\\25be' / ''; }
summary span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; flex: 1; }
summary:hover { color: var(--st-primary-color); }
summary:hover small { opacity: 1; }
summary:focus-visible, button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px;
  border-radius: 4px; }
small { font-size: 0.8rem; opacity: 0.75; font-variant-numeric: tabular-nums; white-space: nowrap; }
i { display: inline-block; width: 0; overflow: hidden; white-space: pre; font-style: normal; vertical-align: bottom; }
button { all: unset; position: absolute; right: 0; top: 0; width: 28px; height: 28px; text-align: center;
  cursor: pointer; border-radius: 4px; box-sizing: border-box; }
button:hover { color: var(--st-primary-color); background: var(--st-secondary-background-color); }
.more { position: static; display: block; width: auto; margin-left: 1.1rem; padding: 0 0.3rem; text-align: left;
  text-decoration: underline; line-height: 28px; }
svg { vertical-align: -2px; }
p { margin: 0 0 0.3rem 1.1rem; font-size: 0.8rem; overflow-wrap: anywhere; }
ul { list-style: none; margin: 0 0 0.5rem; padding: 0 0.2rem 0 1.1rem; font-size: 0.8rem; }
li { display: flex; gap: 0.4rem; min-height: 22px; align-items: center; }
li span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; flex: 1 1 auto; }
li small { font-size: 0.75rem; flex: 0 1 auto; overflow: hidden; text-overflow: ellipsis; }
li abbr { text-decoration: none; font-size: 0.7rem; font-weight: 600; color: var(--st-primary-color);
  max-width: 45%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
@media (pointer: coarse) { summary { min-height: 44px; } button { width: 44px; height: 44px; } }
"""
_JS: Final = """
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector('.tables');
  const open = new Set([...list.querySelectorAll('details[open]')].map(one => one.dataset.table));
  const active = list.getRootNode().activeElement;
  const focused = active && [active.tagName, active.closest('.table')?.firstChild.dataset.table];
  const made = (kind, text, more = {}) => Object.assign(document.createElement(kind), { textContent: text }, more);
  const columns = table => {
    const region = made('div', '');
    region.setAttribute('role', 'region');
    region.setAttribute('aria-label', `Columns of ${table.name}`);
    const all = made('ul', '');
    region.append(all);
    for (const [name, kind, mark, about] of table.columns) {
      const line = made('li', '', { title: about });
      line.append(made('span', name));
      if (mark) line.append(made('abbr', mark));
      line.append(made('small', kind));
      all.append(line);
    }
    return region;
  };
  const eye = () => {
    const drawing = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    for (const [name, value] of [['width', 14], ['height', 14], ['viewBox', '0 0 16 16'], ['aria-hidden', 'true']]) {
      drawing.setAttribute(name, value);
    }
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', 'M1.5 2.5h13v11h-13zM1.5 6h13M1.5 9.7h13M6 6v7.5');
    path.setAttribute('fill', 'none');
    path.setAttribute('stroke', 'currentColor');
    drawing.append(path);
    return drawing;
  };
  list.replaceChildren(...data.tables.map(table => {
    const row = made('div', '', { className: 'table' });
    const box = document.createElement('details');
    box.dataset.table = table.name;
    const head = made('summary', '', { title: table.name });
    const count = made('small', '');
    if (table.note) count.append(made('i', ' \\u00b7 '), table.note);
    head.append(made('span', table.name), count);
    box.append(head);
    const fill = () => {
      if (!box.open || box.childElementCount > 1) return;
      if (table.comment) box.append(made('p', table.comment));
      const more = made('button', 'First rows and profile', { type: 'button', className: 'more' });
      more.onclick = () => setTriggerValue('look', table.name);
      box.append(more);
      box.append(columns(table));
    };
    box.addEventListener('toggle', fill);
    if (open.has(table.name)) { box.open = true; fill(); }
    const look = made('button', '', { type: 'button', title: 'First rows, and what each column holds' });
    look.setAttribute('aria-label', `Look at ${table.name}`);
    // By the keyboard it is in the opened table: a list of many tables has one stop for each.
    look.tabIndex = -1;
    look.append(eye());
    look.onclick = () => setTriggerValue('look', table.name);
    row.append(box, look);
    return row;
  }));
  const again = focused && [...list.children].find(row => row.firstChild.dataset.table === focused[1]);
  again?.querySelector(focused[0])?.focus();
}
"""
_table_list_component = st.components.v2.component("nl2sql_tables", html=_HTML, css=_CSS, js=_JS)


@dataclass(frozen=True, slots=True)
class TableListItem:
    """A table of the list. `note` stands at its right; `columns` are a name, a type, a mark (its key), and the rest."""

    name: str
    note: str
    comment: str
    columns: Sequence[tuple[str, str, str, str]]


def draw_table_list(tables: Sequence[TableListItem], *, key: str, on_look: Callable[[], None]) -> None:
    """Draw the list. Tables that are open stay open when it is drawn again.

    `on_look` runs when the user wants to see a table's rows; `st.session_state[key].look` is its name, unchecked, from
    the browser.
    """
    _table_list_component(data={"tables": [asdict(table) for table in tables]}, key=key, on_look_change=on_look)
