"""Notes on a result beside its rows: what is cut, and which columns were renamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nl2sql.text_safety import make_one_line
from nl2sql.types import make_unique_names

_MAX_NAME_CHARS: Final = 60
_MAX_NAMED_COLUMNS: Final = 5


def list_cuts(row_count: int, truncated: bool, cut_cells: int) -> list[str]:
    """Return a sentence for each part of a result that is not shown."""
    warnings = []
    if truncated:
        warnings.append(f"only the first {row_count:,} rows are shown: there are more")
    if cut_cells:
        warnings.append(f"{cut_cells:,} long cells were shortened, or came as text for their many values")
    return warnings


def describe_renamed(names: Sequence[str]) -> str:
    """Return which columns have another name than in the query, a clause for each name; empty where none has."""
    renamed: dict[str, list[str]] = {}
    for name, unique_name in zip(names, make_unique_names(names), strict=True):
        if name != unique_name:
            renamed.setdefault(name, []).append(make_one_line(unique_name, _MAX_NAME_CHARS))
    clauses = [
        f"more than one column is called {make_one_line(name, _MAX_NAME_CHARS)}: here the further {_join(new_names)}"
        for name, new_names in renamed.items()
    ]
    more = (
        [f"so it is with {len(clauses) - _MAX_NAMED_COLUMNS:,} other names"]
        if len(clauses) > _MAX_NAMED_COLUMNS
        else []
    )
    return "; ".join((*clauses[:_MAX_NAMED_COLUMNS], *more))


def _join(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"one is {names[0]}"
    return f"ones are {', '.join(names[:_MAX_NAMED_COLUMNS])}{', …' if len(names) > _MAX_NAMED_COLUMNS else ''}"
