"""Check that a Vega-Lite spec holds only values and fields of a chart made here; whatever is not listed is refused.

It makes no spec. A spec that passes can hold no address, link, picture, signal or transform, and no expression but the
constants that end large numbers on an axis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from nl2sql.charts.labels import COMPACT_WORDS
from nl2sql.errors import ConfigError
from nl2sql.text_safety import make_one_line

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
# Vega's tooltip takes an entry of that name as the address of a picture, or as a heading.
TAKEN_TITLES: Final = ("image", "title")
FIELDS: Final = ("x", "y", "z", "end", "tip", "label", "text", "series", "name", "open")
_MAX_NAME_CHARS: Final = 60
_TYPES: Final = ("quantitative", "temporal", "ordinal", "nominal")
_FORMATS: Final = (
    *(".0%", ".1~%", ".2~%", ".4~s", ".3~g", ",.0f", ",.6~f"),
    *("Q%q %Y", "%Y", "%b %Y", "%-d %b", "%-d %b %Y", "%-d %b %H:%M", "%H:%M"),
)
_DASHES: Final = ([1, 0], [4, 4])

Check = Callable[[Any], bool]
Shape = Mapping[str, "Check | Shape"]


def check_spec(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the spec where it holds nothing but listed values and constants.

    Raises:
        ConfigError: where it holds anything else.
    """
    panels = spec.get("vconcat")
    layers = spec.get("layer")
    if panels is not None:
        _check(
            "the chart", spec, {"$schema": _is_schema, "title": _is_heading, "vconcat": _is_list, "spacing": _is_int}
        )
        for panel in panels:
            _check("a panel", panel, {**_VIEW, "data": _is_data, "width": _is_int, "height": _is_int})
            _require_keys("a panel", panel, ("data", "mark", "encoding", "width", "height"))
        return spec
    outer = {"$schema": _is_schema, "title": _is_heading, "data": _is_data, "width": _is_container, "height": _is_int}
    if layers is None:
        _check("the chart", spec, {**outer, **_VIEW})
        _require_keys("the chart", spec, ("data", "mark", "encoding", "width", "height"))
        return spec
    _check("the chart", spec, {**outer, "layer": _is_list})
    _require_keys("the chart", spec, ("data", "width", "height"))
    for layer in layers:
        _check("a layer", layer, _VIEW)
        _require_keys("a layer", layer, ("mark", "encoding"))
    return spec


def _check(what: str, value: Any, shape: Shape) -> None:
    if not isinstance(value, Mapping):
        raise _make_spec_error(what)
    for key, item in value.items():
        wanted = shape.get(key) if isinstance(key, str) else None
        if wanted is None:
            raise ConfigError(f"{what} may not hold {make_one_line(str(key), _MAX_NAME_CHARS)!r}", "Take it out.")
        if isinstance(wanted, Mapping):
            _check(key, item, wanted)
        elif not wanted(item):
            raise _make_spec_error(key)


def _require_keys(what: str, value: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in value:
            raise _make_spec_error(what)


def _make_spec_error(what: str) -> ConfigError:
    return ConfigError(f"{what} is not as a chart of these rows may have it", "Use what nl2sql made.")


def _make_choice_check(*values: Any) -> Check:
    return lambda item: isinstance(item, str | bool | int | None) and item in values


def _is_schema(item: Any) -> bool:
    return bool(item == SCHEMA)


def _is_container(item: Any) -> bool:
    return bool(item == "container")


def _is_int(item: Any) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)


def _is_bool(item: Any) -> bool:
    return isinstance(item, bool)


def _is_list(item: Any) -> bool:
    return isinstance(item, list) and bool(item)


def _is_number(item: Any) -> bool:
    return isinstance(item, int | float) and not isinstance(item, bool) and math.isfinite(item)


def _is_text(item: Any) -> bool:
    return isinstance(item, str)


def _is_texts(item: Any) -> bool:
    return isinstance(item, list) and all(isinstance(element, str) for element in item)


def _is_scalar(item: Any) -> bool:
    return item is None or isinstance(item, str | bool) or _is_number(item)


def _is_field(item: Any) -> bool:
    return isinstance(item, str) and item in FIELDS


def _is_title(item: Any) -> bool:
    return item is None or (isinstance(item, str) and item.lower() not in TAKEN_TITLES)


def _is_heading(item: Any) -> bool:
    if not isinstance(item, Mapping):
        return False
    allowed: dict[str, Check] = {
        "text": lambda element: _is_text(element) or _is_texts(element),
        "subtitle": _is_texts,
        "fontSize": _is_int,
        "fontWeight": _make_choice_check("normal"),
    }
    return all(key in allowed and allowed[key](element) for key, element in item.items())


def _is_data(item: Any) -> bool:
    if not isinstance(item, Mapping) or set(item) != {"values"} or not isinstance(item["values"], list):
        return False
    return all(
        isinstance(record, Mapping) and all(key in FIELDS and _is_scalar(value) for key, value in record.items())
        for record in item["values"]
    )


def _is_domain(item: Any) -> bool:
    return isinstance(item, list) and all(isinstance(element, str | bool) for element in item)


def _is_range(item: Any) -> bool:
    if isinstance(item, str):
        return item in ("heatmap", "diverging")
    return isinstance(item, list) and all(_is_number(element) or element in _DASHES for element in item)


def _is_moments(item: Any) -> bool:
    parts = ("year", "month", "date", "hours", "minutes")
    return isinstance(item, list) and all(
        isinstance(element, Mapping)
        and all((key in parts and _is_int(value)) or (key == "utc" and value is True) for key, value in element.items())
        for element in item
    )


_LEGEND: Final[Shape] = {
    "format": _make_choice_check(*_FORMATS),
    "labelExpr": _make_choice_check(*COMPACT_WORDS.values()),
}
_AXIS: Final[Shape] = {
    "format": _make_choice_check(*_FORMATS),
    "labelExpr": _make_choice_check(*COMPACT_WORDS.values()),
    "tickMinStep": _is_int,
    "tickCount": _is_int,
    "minExtent": _is_int,
    "labelLimit": _is_int,
    "labelAngle": _is_int,
    "labelOverlap": _is_bool,
    "labelSeparation": _is_int,
    "labels": _is_bool,
    "ticks": _is_bool,
    "grid": _is_bool,
    "values": _is_moments,
}
_SCALE: Final[Shape] = {
    "type": _make_choice_check("utc", "log"),
    "zero": _is_bool,
    "domain": _is_domain,
    "domainMax": _is_number,
    "domainMid": _make_choice_check(0),
    "padding": _is_number,
    "range": _is_range,
}
_CHANNEL: Final[Shape] = {
    "field": _is_field,
    "type": _make_choice_check(*_TYPES),
    "title": _is_title,
    "scale": _SCALE,
    "axis": _AXIS,
    "stack": _make_choice_check("zero", "normalize", None),
    "bin": _make_choice_check("binned"),
    "datum": _make_choice_check(0),
}
_PLAIN: Final[Shape] = {"field": _is_field, "type": _make_choice_check(*_TYPES), "title": _is_title, "scale": _SCALE}
_MARK: Final[Shape] = {
    "type": _make_choice_check("line", "area", "bar", "point", "rect", "text", "rule"),
    "point": _is_bool,
    "filled": _is_bool,
    "size": _is_int,
    "opacity": _is_number,
    "align": _make_choice_check("left"),
    "baseline": _make_choice_check("middle"),
    "dx": _is_int,
}


def _is_tooltip(item: Any) -> bool:
    if not isinstance(item, list):
        return False
    for element in item:
        _check("tooltip", element, {"field": _is_field, "type": _make_choice_check("nominal"), "title": _is_title})
    return all(isinstance(element.get("title"), str) for element in item)


def _is_colour(item: Any) -> bool:
    legend = item.get("legend") if isinstance(item, Mapping) else None
    if legend is not None:
        _check("legend", legend, _LEGEND)
    _check("color", item, {**_PLAIN, "legend": lambda _: True})
    return True


def _is_silent(item: Any) -> bool:
    _check("a channel", item, {**_PLAIN, "legend": _make_choice_check(None)})
    return True


_VIEW: Final[Shape] = {
    "mark": _MARK,
    "encoding": {
        "x": _CHANNEL,
        "y": _CHANNEL,
        "x2": {"field": _is_field},
        "xOffset": _PLAIN,
        "yOffset": _PLAIN,
        "color": _is_colour,
        "opacity": _is_silent,
        "strokeDash": _is_silent,
        "text": _PLAIN,
        "tooltip": _is_tooltip,
    },
}
