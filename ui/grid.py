"""The table: rows as text in an HTML table, for mouse, keyboard and screen readers.

Names and cells are sent as data and set as text, so nothing in them is read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

_FOLDER: Final = Path(__file__).parent
_HTML: Final = """
<div class="grid"><div class="tools"></div>
<div class="scroll" tabindex="0" role="region"><table></table></div>
<div class="foot"></div><div class="menu" popover role="menu"></div><dialog></dialog>
<p class="said" role="status"></p><style class="own"></style></div>
"""
Cell = str | tuple[str, str] | None
_grid_component = st.components.v2.component(
    "nl2sql_table",
    html=_HTML,
    css=(_FOLDER / "grid.css").read_text("utf-8"),
    js=(_FOLDER / "grid.js").read_text("utf-8"),
)


def draw_grid(
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Sequence[Cell]],
    *,
    key: str,
    caption: str,
    on_act: Callable[[], None] | None = None,
    **more: Any,
) -> None:
    """Draw the table. A cell of two texts shows the first, and the second in its tooltip.

    A column has `name`, and may have `number` (aligned right), `sorted`, `made` (by the page, and how) and `only`
    (whether its values can be filtered by). `key` may not hold two underscores in a row. `caption` is what a screen
    reader calls it. After a click that asks for something `on_act` runs, and `st.session_state[key].act` says what:
    `do` is one of `sort`, `page`, `size`, `figure`, `filter`, `drop`, `clear`, `only`, `without`, `behind`, `whole`;
    its other fields, unchecked, say what it applies to. Without `on_act` there are rows and nothing else.

    `more` may have `total` (the cells of a last row), `pager` (`page`, `pages`, `size`, `sizes`, `rows`, `start`,
    `text`), `filters` (whether a button asks for them), `figures` (each an `id`, a `label`, and `on`), `chips` (the
    filters that there are, as text), `nothing` (what is said where they leave no row), `behind` (whether a cell has
    rows behind it), `cut` (how long a cell is that may be cut), and `whole` (a text to be shown at length: `title`,
    `text`, and a `number` that is new each time).
    """
    data: dict[str, Any] = {"columns": list(columns), "rows": list(rows), "caption": caption, "key": key, **more}
    data["acts"] = on_act is not None
    if on_act is None:
        _grid_component(data=data, key=key)
    else:
        _grid_component(data=data, key=key, on_act_change=on_act)
