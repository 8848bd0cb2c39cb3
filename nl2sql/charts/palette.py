"""The look of a chart, on the page and in pictures: colours for light and dark backgrounds, fonts, the locale's signs.

Colours stand in the same order in both themes, so that a series keeps its hue. All have a contrast of 3 : 1 against
their background (WCAG 2.2, 1.4.11), and any two can be told apart by people who see no red, no green or no blue.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any, Final

from nl2sql.answer.notation import find_notation
from nl2sql.charts.labels import find_names

LIGHT: Final = ("#1f5fbf", "#b58b37", "#1a5945", "#cf538e", "#906d27", "#8a0ffd", "#4c8fd6", "#9f1309")
DARK: Final = ("#7fb2ff", "#e8960c", "#39e0c8", "#e0408f", "#e3d77a", "#8b4cf0", "#2e8bc0", "#c4432a")
GROUNDS: Final = {"light": "#ffffff", "dark": "#0e1117"}
_INK: Final = {"light": "#31333f", "dark": "#e6e8ee"}
_QUIET: Final = {"light": "#5b6070", "dark": "#a5abbf"}
_GRID: Final = {"light": "#e6e8ee", "dark": "#2a2f3a"}
_RAMPS: Final = {
    "light": ["#e4edf9", "#a9c7ee", "#5f93da", "#1f5fbf", "#123a78"],
    "dark": ["#16233a", "#24497f", "#3d74c4", "#7fb2ff", "#d3e4ff"],
}
_DIVERGING: Final = {
    "light": ["#8f5d10", "#dcb877", "#f1f1f1", "#8fb4e6", "#123a78"],
    "dark": ["#f2b45a", "#8a5f1c", "#2a2f3a", "#2f62ab", "#a9ccff"],
}
_FONT: Final = '"Source Sans", "Source Sans Pro", "Source Sans 3", sans-serif'
_MARK_STYLES: Final = {
    "line": {"strokeWidth": 2.25},
    "point": {"filled": True, "size": 34},
    "area": {"fillOpacity": 0.85},
    "view": {"stroke": None},
}
_MAX_TITLE_CHARS: Final = 88
_MAX_FOOTER_CHARS: Final = 160


def make_config(theme: str = "light", locale: str = "") -> dict[str, Any]:
    """Return Vega-Lite's config of that look; `theme` is `light` or `dark`.

    Raises:
        ConfigError: where there is no such locale.
    """
    theme = theme if theme in GROUNDS else "light"
    names = find_names(locale, find_notation(locale))
    colours = LIGHT if theme == "light" else DARK
    ink, quiet, grid = _INK[theme], _QUIET[theme], _GRID[theme]
    label_style = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    return {
        "font": _FONT,
        "locale": names.make_vega_locale(),
        "range": {"category": list(colours), "heatmap": _RAMPS[theme], "diverging": _DIVERGING[theme]},
        "mark": {"color": colours[0]},
        **_MARK_STYLES,
        "text": {"color": ink, "fontSize": 12},
        "rule": {"color": quiet, "strokeWidth": 1},
        "axis": {
            **{"labelColor": quiet, "titleColor": quiet, **label_style},
            **{"gridColor": grid, "domainColor": grid, "tickColor": grid, "labelFlush": False},
        },
        "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleX": 0, "titleY": -12},
        "legend": {
            **{"orient": "top", "offset": 26, "columns": 4, "labelLimit": 140},
            **{"labelColor": ink, "titleColor": quiet, **label_style},
        },
        "title": {
            **{"anchor": "start", "color": ink, "subtitleColor": quiet},
            **{"fontSize": 15, "fontWeight": 600, "subtitleFontSize": 12, "offset": 12},
        },
    }


def dress_spec(
    spec: Mapping[str, Any],
    theme: str = "light",
    *,
    locale: str = "",
    title: str = "",
    footer: str = "",
    width: int | None = None,
) -> dict[str, Any]:
    """Return the checked spec with its look; with `width`, in pixels, as a picture with `title` and `footer`.

    Raises:
        ConfigError: where there is no such locale.
    """
    config = make_config(theme, locale)
    padding = {"left": 4, "right": 14, "top": 6, "bottom": 4}
    if width is None:
        shown = {**spec, "config": config, "background": "transparent", "padding": padding}
        return shown if "vconcat" in spec else {**shown, "autosize": {"type": "fit-x", "contains": "padding"}}
    heading = dict(spec.get("title") or {})
    notes = heading.get("subtitle") or (heading.get("text") if isinstance(heading.get("text"), list) else []) or []
    own = heading.get("text") if isinstance(heading.get("text"), str) else ""
    lines = textwrap.wrap(" ".join((own or title).split()), _MAX_TITLE_CHARS) or [""]
    body = {key: value for key, value in spec.items() if key not in ("$schema", "title")}
    panels = body.pop("vconcat", None)
    body.pop("spacing", None)
    views = [{**panel, "width": width} for panel in panels] if panels else [{**body, "width": width}]
    if footer:
        below = textwrap.shorten(footer, _MAX_FOOTER_CHARS, placeholder="…")
        mark = {"type": "text", "text": below, "align": "left", "x": 0, "fontSize": 11, "color": _QUIET[theme]}
        views.append({"data": {"values": [{}]}, "mark": mark, "width": width, "height": 12})
    return {
        "$schema": spec["$schema"],
        "title": {"text": lines, "subtitle": notes},
        "vconcat": views,
        "spacing": 14,
        "config": config,
        "background": GROUNDS.get(theme, GROUNDS["light"]),
        "padding": 20,
    }
