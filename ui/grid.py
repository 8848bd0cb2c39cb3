"""The table: rows as text in a real HTML table whose heads sort, for eyes, keyboards and screen readers alike.

Every name and cell reaches the page as data and is set as text, so nothing in it is ever read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import streamlit as st

_HTML: Final = '<div class="scroll" tabindex="0" role="region"><table></table></div>'
_CSS: Final = """
.scroll { overflow: auto; max-height: 26rem; border: 1px solid var(--st-border-color); border-radius: 6px; }
.scroll:focus-visible { outline: 2px solid var(--st-primary-color); }
table { border-collapse: collapse; width: 100%; font-family: var(--st-font); font-size: 0.86rem;
  font-variant-numeric: tabular-nums; color: var(--st-text-color); }
thead th { position: sticky; top: 0; background: var(--st-secondary-background-color); text-align: left;
  font-weight: 600; padding: 0; white-space: nowrap; border-bottom: 1px solid var(--st-border-color); }
thead th button, thead th span { all: unset; display: block; padding: 0.35rem 0.7rem; box-sizing: border-box;
  width: 100%; }
thead th button { cursor: pointer; }
thead th button:hover { color: var(--st-primary-color); }
thead th button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
thead small { display: block; font-weight: 400; opacity: 0.7; font-size: 0.72rem; }
td { padding: 0.28rem 0.7rem; border-bottom: 1px solid var(--st-border-color-light, var(--st-border-color));
  max-width: 28rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover td { background: var(--st-secondary-background-color); }
.number { text-align: right; }
.wraps td { white-space: pre-line; vertical-align: top; overflow-wrap: anywhere; }
td.null { opacity: 0.55; font-style: italic; }
"""
_JS: Final = """
export default function ({ data, parentElement, setTriggerValue }) {
  const region = parentElement.querySelector('.scroll');
  const table = parentElement.querySelector('table');
  region.setAttribute('aria-label', data.caption);
  const head = document.createElement('thead');
  const line = head.insertRow();
  data.columns.forEach((column, position) => {
    const cell = document.createElement('th');
    cell.scope = 'col';
    if (column.number) cell.className = 'number';
    const inside = document.createElement(data.sorts ? 'button' : 'span');
    const arrow = column.sorted === 'ascending' ? ' \\u2191' : column.sorted === 'descending' ? ' \\u2193' : '';
    inside.append(document.createTextNode(column.name + arrow));
    if (column.type) {
      const kind = document.createElement('small');
      kind.textContent = column.type;
      inside.append(kind);
    }
    if (data.sorts) {
      inside.type = 'button';
      inside.onclick = () => setTriggerValue('sort', position);
      cell.setAttribute('aria-sort', column.sorted || 'none');
    }
    cell.append(inside);
    line.append(cell);
  });
  const body = document.createElement('tbody');
  for (const row of data.rows) {
    const tr = body.insertRow();
    row.forEach((value, position) => {
      const td = tr.insertCell();
      if (data.columns[position].number) td.className = 'number';
      if (value === null) { td.textContent = 'NULL'; td.classList.add('null'); }
      else if (Array.isArray(value)) { td.textContent = value[0]; td.title = value[1]; }
      else { td.textContent = value; if (value.length > 40) td.title = value; }
    });
  }
  table.replaceChildren(head, body);
  table.className = data.wraps ? 'wraps' : '';
  table.dataset.shown = String(data.rows.length);
}
"""
Cell = str | tuple[str, str] | None
_table = st.components.v2.component("nl2sql_table", html=_HTML, css=_CSS, js=_JS)


def grid(
    columns: Sequence[dict[str, Any]],
    rows: Sequence[Sequence[Cell]],
    *,
    key: str,
    caption: str,
    on_sort: Callable[[], None] | None = None,
    wraps: bool = False,
) -> None:
    """Draw the table. A cell that is two texts shows the first, and the second under the pointer.

    A column has `name`, and may have `type`, `number` (aligned right) and `sorted`.

    `key` may not hold two underscores in a row. `caption` is what a screen reader calls it; `wraps` breaks long cells.
    After a click on a head, `on_sort` runs, and `st.session_state[key].sort` holds the column's position.
    """
    data: dict[str, Any] = {"columns": list(columns), "rows": list(rows), "caption": caption, "wraps": wraps}
    data["sorts"] = on_sort is not None
    if on_sort is None:
        _table(data=data, key=key)
    else:
        _table(data=data, key=key, on_sort_change=on_sort)
