"""Decide whether two results hold the same rows, and whether they do once their columns are paired in another way.

Rows are tuples of plain cells. It does not say which of two results is right.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from nl2sql.evals.cell_equality import TOLERANCE_RATIO, Cell, SortKey, is_same_cell, make_sort_key

Row = tuple[Cell, ...]
Rows = Sequence[Row]

_MAX_COLUMNS: Final = 64
_MAX_PAIRINGS: Final = 20_000
_MAX_PAIRWISE_ROWS: Final = 2_000
# Keys are rounded to four decimals, so the keys of equal numbers may differ by this much.
_KEY_TOLERANCE: Final = 2e-4


def has_same_rows(some: Rows, others: Rows, *, ordered: bool) -> bool:
    """Return whether both hold the same rows equally often, columns in the same order; with `ordered`, rows too."""
    if len(some) != len(others):
        return False
    if ordered:
        return all(map(_is_same_row, some, others))
    if Counter(some) == Counter(others):
        return True
    if all(map(_is_same_row, sorted(some, key=_make_row_key), sorted(others, key=_make_row_key))):
        return True
    return len(some) <= _MAX_PAIRWISE_ROWS and _match_one_by_one(some, others)


def has_same_rows_in_some_columns(predicted: Rows, gold: Rows, *, ordered: bool) -> bool:
    """Return whether each gold column can be paired with a predicted column of its own so that the rows are the same.

    False where a bounded search finds no pairing, or there are more than _MAX_COLUMNS predicted columns.
    """
    if len(predicted) != len(gold):
        return False
    if not gold:
        return True
    if not len(gold[0]) <= len(predicted[0]) <= _MAX_COLUMNS:
        return False
    predicted_columns = list(zip(*predicted, strict=True))
    gold_columns = list(zip(*gold, strict=True))
    predicted_keys = [_make_column_key(column, ordered) for column in predicted_columns]
    gold_keys = [_make_column_key(column, ordered) for column in gold_columns]
    partners = [[j for j, key in enumerate(predicted_keys) if _is_near(gold_key, key)] for gold_key in gold_keys]
    if not all(partners):
        return False
    if ordered:
        partners = [
            [j for j in some if all(map(is_same_cell, gold_columns[i], predicted_columns[j]))]
            for i, some in enumerate(partners)
        ]
        return _has_full_matching(partners)
    return _ColumnPairing(predicted, gold, partners).can_complete()


class _ColumnPairing:
    """A search for pairs of gold and predicted columns under which unordered rows agree, the least ambiguous first."""

    def __init__(self, predicted: Rows, gold: Rows, partners: Sequence[Sequence[int]]) -> None:
        self._predicted, self._gold = predicted, gold
        self._columns = list(zip(*predicted, strict=True))
        self._partners = partners
        self._order = sorted(range(len(partners)), key=lambda i: len(partners[i]))
        self._left = _MAX_PAIRINGS

    def can_complete(self, pairs: tuple[tuple[int, int], ...] = ()) -> bool:
        """Return whether these pairs of column numbers (gold, predicted) can be completed."""
        self._left -= 1
        if self._left < 0:
            return False
        if len(pairs) == len(self._order):
            return len(pairs) > 1 or self._has_equal_rows(pairs)
        gold_column = self._order[len(pairs)]
        used = {j for _, j in pairs}
        seen: list[tuple[Cell, ...]] = []
        for j in sorted(self._partners[gold_column], key=lambda j: (j != gold_column, j)):
            if j in used or self._columns[j] in seen:
                continue
            seen.append(self._columns[j])
            more = (*pairs, (gold_column, j))
            if (len(more) == 1 or self._has_equal_rows(more)) and self.can_complete(more):
                return True
        return False

    def _has_equal_rows(self, pairs: tuple[tuple[int, int], ...]) -> bool:
        """Return whether the rows are the same in these columns."""
        gold = [tuple(row[i] for i, _ in pairs) for row in self._gold]
        predicted = [tuple(row[j] for _, j in pairs) for row in self._predicted]
        return has_same_rows(predicted, gold, ordered=False)


def _is_same_row(one: Row, other: Row) -> bool:
    return len(one) == len(other) and all(map(is_same_cell, one, other))


def _make_row_key(row: Row) -> tuple[SortKey, ...]:
    return tuple(map(make_sort_key, row))


def _match_one_by_one(some: Rows, others: Rows) -> bool:
    """Return whether each row has an equal one: sorting can separate equal numbers that round differently."""
    left = sorted(others, key=_make_row_key)
    for row in sorted(some, key=_make_row_key):
        place = next((i for i, other in enumerate(left) if _is_same_row(row, other)), None)
        if place is None:
            return False
        del left[place]
    return True


def _make_column_key(column: Sequence[Cell], ordered: bool) -> list[SortKey]:
    keys = [make_sort_key(cell) for cell in column]
    return keys if ordered else sorted(keys)


def _is_near(some: Sequence[SortKey], others: Sequence[SortKey]) -> bool:
    return all(one == other or _is_near_number(one, other) for one, other in zip(some, others, strict=True))


def _is_near_number(one: SortKey, other: SortKey) -> bool:
    return one[0] == other[0] == 1 and math.isclose(one[1], other[1], rel_tol=TOLERANCE_RATIO, abs_tol=_KEY_TOLERANCE)


def _has_full_matching(partners: Sequence[Sequence[int]]) -> bool:
    """Return whether every gold column can have one of its partners for itself (a bipartite matching)."""
    owner: dict[int, int] = {}

    def find_partner(i: int, visited: set[int]) -> bool:
        for j in partners[i]:
            if j not in visited:
                visited.add(j)
                if j not in owner or find_partner(owner[j], visited):
                    owner[j] = i
                    return True
        return False

    return all(find_partner(i, set()) for i in range(len(partners)))
