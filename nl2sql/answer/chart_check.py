"""Whether a Vega-Lite spec is nothing but values and fields of a result: what is not on its lists is refused.

It makes no spec. A spec that passes can hold no address, link, picture, expression, signal or transform.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nl2sql.errors import ConfigError
from nl2sql.schema.render import one_line
from nl2sql.types import Result

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
# A tooltip takes an entry of that name for the address of a picture, or for a heading.
TAKEN_TITLES: Final = ("image", "title")
_NAME_CHARS: Final = 60
_TYPES: Final = ("quantitative", "temporal", "ordinal", "nominal")


def checked_spec(spec: Mapping[str, Any], result: Result) -> Mapping[str, Any]:
    """The spec, once it is nothing but values and fields of this result. ConfigError where it holds anything else."""
    _known("the chart", spec, ("$schema", "data", "mark", "encoding", "width", "height"))
    if spec.get("$schema", SCHEMA) != SCHEMA:
        raise _wrong("$schema")
    fields = {f"{letter}{i}" for i in range(len(result.columns)) for letter in "ct"}
    _check_data(spec.get("data"), fields)
    _known("mark", spec.get("mark"), ("type", "point"))
    if spec["mark"].get("type") not in ("line", "bar", "point") or not isinstance(
        spec["mark"].get("point", True), bool
    ):
        raise _wrong("mark")
    encoding = spec.get("encoding")
    _known("encoding", encoding, ("x", "y", "xOffset", "yOffset", "color", "tooltip"))
    assert isinstance(encoding, Mapping)
    for name, channel in encoding.items():
        for one in channel if name == "tooltip" and isinstance(channel, list) else [channel]:
            _check_channel(name, one, fields)
    if spec.get("width") != "container" or not isinstance(spec.get("height"), int):
        raise _wrong("size")
    return spec


def _check_data(data: Any, fields: set[str]) -> None:
    _known("data", data, ("values",))
    values = data.get("values")
    if not isinstance(values, list):
        raise _wrong("data")
    for record in values:
        _known("a value", record, fields)
        if not all(value is None or isinstance(value, str | int | float | bool) for value in record.values()):
            raise _wrong("a value")


def _check_channel(name: str, channel: Any, fields: set[str]) -> None:
    _known(name, channel, ("field", "type", "title", "sort", "scale", "axis"))
    title = channel.get("title")
    if channel.get("field") not in fields or channel.get("type") not in _TYPES or channel.get("sort") is not None:
        raise _wrong(name)
    if not isinstance(title, str) or title.lower() in TAKEN_TITLES:
        raise _wrong(f"{name}.title")
    _known(f"{name}.scale", channel.get("scale", {}), ("type", "zero"))
    if channel.get("scale", {}).get("type", "utc") != "utc" or channel.get("scale", {}).get("zero", False) is not False:
        raise _wrong(f"{name}.scale")
    _known(f"{name}.axis", channel.get("axis", {}), ("labelLimit",))
    if not isinstance(channel.get("axis", {}).get("labelLimit", 0), int):
        raise _wrong(f"{name}.axis")


def _known(what: str, value: Any, allowed: Sequence[str] | set[str]) -> None:
    if not isinstance(value, Mapping):
        raise _wrong(what)
    for key in value:
        if key not in allowed:
            raise ConfigError(f"{what} may not hold {one_line(str(key), _NAME_CHARS)!r}", "Take it out.")


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"{what} is not as a chart of these rows may have it", "Use what nl2sql.chart made.")
