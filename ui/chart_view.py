"""The chart of an answer: chosen automatically, or changed by the user by hand or in words.

Specs come from `Database.draw` and pass `nl2sql.check_spec`; none are written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import streamlit as st

from nl2sql import (
    Assistant,
    Chart,
    ChartWish,
    ColumnFormat,
    ConfigError,
    NL2SQLError,
    Result,
    check_spec,
    draw_chart,
    dress_spec,
    make_unique_names,
    text_of,
)
from ui.answer_state import get_answer_state
from ui.markdown_escape import escape_markdown, show_renamed_columns
from ui.page_figures import describe_change

_KINDS: Final = {
    "line": "Line",
    "area": "Area",
    "bar": "Bars",
    "histogram": "Histogram",
    "scatter": "Scatter",
    "heatmap": "Heat map",
    "multiples": "Panels",
    "none": "No chart",
}
_STACKS: Final = {"grouped": "Side by side", "stacked": "Stacked", "percent": "100 %"}
_NUMBERS: Final = {None: "Automatic", "compact": "Compact", "full": "Full", "percent": "Percent"}
_MAX_POINTS: Final = 5_000
_MAX_BARS: Final = 100
# The preview is sent again with each look at a running question.
_MAX_PREVIEW_ROWS: Final = 400
_CONTROLS_HEIGHT_PX: Final = 34
_MAX_METRIC_CHARS: Final = 24
_MAX_TITLE_CHARS: Final = 120
# Without this the drawing's own menu offers to open it in an editor elsewhere on the web.
_NO_MENU: Final = {"embedOptions": {"actions": False}}


def show_chart(
    assistant: Assistant, sql: str, result: Result, key: str, *, title: str, alt: str
) -> dict[str, Any] | None:
    """Draw the chart of all available rows, and return its spec; None where there is no chart.

    `sql` gave the result. `title` is for images of the chart.
    """
    get_answer_state(key)["title"] = title
    if result.row_count < 1 or is_metric(result):
        return None
    chart = _read_chart(assistant, sql, result, key)
    if not chart.kinds:
        return None
    _show_controls(chart, result, key)
    if chart.spec is None:
        return None
    spec = dict(check_spec(chart.spec))
    _draw_spec(assistant, spec, key, alt)
    return spec


def has_chart(assistant: Assistant, sql: str, result: Result) -> bool:
    """Return whether there is a chart of these rows that can be changed."""
    return result.row_count > 0 and not is_metric(result) and bool(assistant.database.draw(result, sql).kinds)


def preview_chart(assistant: Assistant, sql: str, result: Result, key: str, *, alt: str) -> None:
    """Draw the chart where `show_chart` will, with room for its controls; nothing where it would take long to send."""
    if not 0 < result.row_count <= _MAX_PREVIEW_ROWS or is_metric(result):
        return
    chart = _read_chart(assistant, sql, result, key)
    if chart.spec is not None:
        st.container(key=f"room-{key}", height=_CONTROLS_HEIGHT_PX, border=False)
        _draw_spec(assistant, dict(check_spec(chart.spec)), f"live-{key}", alt)


def _draw_spec(assistant: Assistant, spec: dict[str, Any], key: str, alt: str) -> None:
    dressed = dress_spec(spec, find_theme(), locale=assistant.config.display.locale)
    with st.container(key=f"drawn-{key}"):
        st.vega_lite_chart(
            spec={**dressed, "usermeta": _NO_MENU}, width="stretch", theme=None, key=f"chart-{key}", alt=alt
        )


def find_theme() -> str:
    """Return `light` or `dark`, as the page is seen."""
    return "dark" if st.context.theme.type == "dark" else "light"


def apply_wish(key: str, wish: ChartWish) -> None:
    """Change the answer's chart as asked for in words, on top of earlier changes."""
    held = get_answer_state(key)
    held["wish"] = wish.lay_over(held.get("wish", ChartWish()))
    # New widgets, which begin with the wish: those that are there keep what was chosen in them.
    held["wishes"] = held.get("wishes", 0) + 1


def _read_chart(assistant: Assistant, sql: str, result: Result, key: str) -> Chart:
    """Return the chart as the user changed it, built once for each change.

    Where a change does not fit, show why and return the automatic chart.
    """
    wish: ChartWish = get_answer_state(key).get("wish", ChartWish())
    made: tuple[Result, ChartWish, Chart, ConfigError | None] | None = get_answer_state(key).get("chart")
    if made is None or made[0] is not result or made[1] != wish:
        rows, total = _read_rows(assistant, sql, result, key)
        misfit = None
        try:
            chart = assistant.database.draw(rows, sql, wish=wish, total=total)
        except ConfigError as exc:
            misfit, chart = exc, assistant.database.draw(rows, sql, total=total)
        made = get_answer_state(key)["chart"] = (result, wish, chart, misfit)
    if made[3] is not None:
        st.caption(f":material/info: {escape_markdown(f'{made[3].message}. {made[3].hint}', 300)}")
    return made[2]


def _read_rows(assistant: Assistant, sql: str, result: Result, key: str) -> tuple[Result, int | None]:
    """Return the rows to draw, and how many there are in all where that is known."""
    if not result.truncated:
        return result, None
    known: tuple[Result, Result, int | None] | None = get_answer_state(key).get("chart_rows")
    if known is None or known[0] is not result:
        try:
            held = assistant.database.count_pageable_rows(sql)
            rows = assistant.database.fetch_page(sql, offset=0, limit=_MAX_POINTS)
            # A page that ends before the rows do has them all where as many are kept.
            whole = held.is_complete and held.rows <= rows.row_count
            rows = Result(rows.columns, rows.table, not whole, rows.cut_cells)
            known = (result, rows, held.rows if held.is_complete else None)
        except NL2SQLError:
            # What the answer brought is drawn, and the chart says that it lacks rows.
            known = (result, result, None)
        get_answer_state(key)["chart_rows"] = known
    return known[1], known[2]


def _show_controls(chart: Chart, result: Result, key: str) -> None:
    """Show the kinds that fit, and the popover with all other settings."""
    version = get_answer_state(key).get("wishes", 0)
    place = f"kind-{key}-{version}"

    def switch_kind() -> None:
        _set_kind(key, kind=st.session_state[place])

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "Chart",
            [*sorted(chart.kinds, key=[*_KINDS].index), "none"],
            default=chart.kind,
            required=True,
            format_func=lambda one: _KINDS[one],
            key=place,
            on_change=switch_kind,
            label_visibility="collapsed",
        )
        if chart.kind != "none":
            box = st.popover("Change", type="tertiary", key=f"change-{key}", on_change="rerun")
            if box.open:
                with box:
                    names = make_unique_names([column.name for column in result.columns])
                    _ChartForm(chart, names, get_answer_state(key).get("wish", ChartWish()), key, version).show()


@dataclass(frozen=True, slots=True)
class _ChartForm:
    """The fields behind the button Change. `version` makes new widgets, which begin with the wish."""

    chart: Chart
    names: Sequence[str]
    wish: ChartWish
    key: str
    version: int

    def show(self) -> None:
        """Show the fields: axes, colours, stack, number of bars, scale, title and number format."""
        self._show_axes()
        if self.chart.stacks:
            default = self.chart.plan.stack if self.chart.plan.stack in self.chart.stacks else None
            st.segmented_control(
                "Series", self.chart.stacks, default=default, format_func=_STACKS.__getitem__, **self._bind("stack")
            )
        if self.chart.kind == "bar":
            top = self.wish.top or self.chart.plan.top
            st.number_input("Number of bars", 1, _MAX_BARS, top, placeholder="All", **self._bind("top"))
        st.checkbox("Log scale", bool(self.wish.is_log), **self._bind("log"))
        st.text_input("Title", self.wish.title or "", max_chars=_MAX_TITLE_CHARS, **self._bind("title"))
        numbers = [*_NUMBERS]
        chosen = numbers.index(self.wish.numbers)
        st.selectbox("Numbers", numbers, chosen, format_func=_NUMBERS.__getitem__, **self._bind("numbers"))
        st.button("Automatic", key=f"automatic-{self.key}", on_click=_reset_wish, args=(self.key,), type="tertiary")

    def _show_axes(self) -> None:
        chart, wish = self.chart, self.wish
        axes, groups = [None, *chart.axes], [None, *chart.groups]
        st.selectbox("X axis", axes, _find_option(axes, wish.x), format_func=self._name_column, **self._bind("x"))
        st.multiselect(
            "Y axis",
            chart.measures,
            [at for at in wish.y if at in chart.measures],
            format_func=self._name_column,
            placeholder="Automatic",
            **self._bind("y"),
        )
        if chart.groups:
            chosen = _find_option(groups, wish.colour)
            st.selectbox("Colour by", groups, chosen, format_func=self._name_column, **self._bind("colour"))

    def _name_column(self, at: int | None) -> str:
        return "Automatic" if at is None else self.names[at]

    def _bind(self, field: str) -> dict[str, Any]:
        """Return the key of a field, and the callback that applies all fields."""
        return {"key": self._make_key(field), "on_change": self._apply}

    def _make_key(self, field: str) -> str:
        return f"{field}-{self.key}-{self.version}"

    def _apply(self) -> None:
        """Change the chart to what the fields say."""

        def read(field: str) -> Any:
            return st.session_state.get(self._make_key(field))

        _set_wish(
            self.key,
            ChartWish(
                kind=self.wish.kind,
                x=read("x"),
                y=tuple(read("y") or ()),
                colour=read("colour"),
                stack=read("stack"),
                is_lying=self.wish.is_lying,
                top=read("top"),
                is_log=read("log") or None,
                title=read("title") or None,
                numbers=read("numbers"),
            ),
        )


def _find_option(options: Sequence[int | None], value: int | None) -> int:
    return options.index(value) if value in options else 0


def _set_kind(key: str, *, kind: str) -> None:
    get_answer_state(key)["wish"] = ChartWish(kind=kind).lay_over(get_answer_state(key).get("wish", ChartWish()))
    # What can be changed goes by the kind.
    get_answer_state(key)["wishes"] = get_answer_state(key).get("wishes", 0) + 1


def _set_wish(key: str, wish: ChartWish) -> None:
    get_answer_state(key)["wish"] = wish


def _reset_wish(key: str) -> None:
    get_answer_state(key)["wish"] = ChartWish()
    get_answer_state(key)["wishes"] = get_answer_state(key).get("wishes", 0) + 1


def is_metric(result: Result) -> bool:
    """Return whether the result is one or a few numbers, best shown large."""
    return result.row_count == 1 and draw_chart(result).kind == "metric"


def show_metrics(result: Result, formats: Sequence[ColumnFormat]) -> None:
    """Show one or a few numbers large, with their change from the period before where the rows have it.

    The exact number is in the help where it differs from the one shown.
    """
    names = make_unique_names([column.name for column in result.columns])
    before = draw_chart(result).before
    with st.container(horizontal=True):
        for at, (name, value, one) in enumerate(zip(names, result.rows[0], formats, strict=True)):
            exact = text_of(value)
            is_same = value is None or one.show(value) == exact
            help_text = None if is_same else escape_markdown(exact, len(exact))
            earlier = result.rows[0][before[at]] if at in before else None
            delta = describe_change(value, earlier, one)
            st.metric(escape_markdown(name), write_metric(value, one), delta, width="content", help=help_text)
    show_renamed_columns(result)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def write_metric(value: Any, column_format: ColumnFormat) -> str:
    """Return the value as escaped Markdown: a number for reading, or the beginning of a text."""
    shown = column_format.show(value)
    return escape_markdown(shown, len(shown) if _is_number(value) else _MAX_METRIC_CHARS)
