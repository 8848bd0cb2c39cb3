"""Which existing name a written one means: equal but for case, underscores and plural, or nearly equal.

It does not know SQL. One candidate must stand out; else None.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from nl2sql.mend.joins import words

_NEAR: Final = 0.84
_AHEAD: Final = 0.04
_SWAPPED: Final = 0.9
_LONG_ENOUGH: Final = 5


def same(name: str, candidates: Iterable[str]) -> str | None:
    """The one candidate that is the name but for case, separators and plurals, or holds just its words."""
    listed = list(dict.fromkeys(candidates))
    for key in (_plain, lambda text: "".join(sorted(words(text)))):
        found = [candidate for candidate in listed if key(candidate) == key(name)]
        if len(found) == 1:
            return found[0]
    return None


def near(name: str, candidates: Iterable[str]) -> str | None:
    """The one candidate that is nearly spelled so, and clearly more so than the next."""
    plain = _plain(name)
    scored = sorted(((_closeness(plain, _plain(c)), c) for c in dict.fromkeys(candidates)), reverse=True)
    if not scored or scored[0][0] < _NEAR:
        return None
    return scored[0][1] if len(scored) == 1 or scored[0][0] - scored[1][0] >= _AHEAD else None


def _closeness(one: str, other: str) -> float:
    """How alike they are, 0 to 1. Two neighbouring letters that changed places count as one slip."""
    if len(one) == len(other) >= _LONG_ENOUGH:
        apart = [i for i in range(len(one)) if one[i] != other[i]]
        if len(apart) == 2 and apart[1] == apart[0] + 1 and one[apart[0]] == other[apart[1]]:
            return max(_SWAPPED, difflib.SequenceMatcher(None, one, other).ratio())
    return difflib.SequenceMatcher(None, one, other).ratio()


def covering(name: str, candidates: Iterable[str]) -> str | None:
    """The one candidate whose words include all words of the name, or the other way about."""
    wanted = words(name)
    found = [c for c in dict.fromkeys(candidates) if wanted and (wanted <= words(c) or words(c) <= wanted)]
    return found[0] if len(found) == 1 else None


def _plain(text: str) -> str:
    plain = "".join(sign for sign in text.lower() if sign.isalnum())
    return plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain
