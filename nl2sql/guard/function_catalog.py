"""Which functions, types and collations a query may name: our classification of the engine's, in `functions.json`.

It does not ask the engine. A name that nobody classified is refused, whatever a new engine makes of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from nl2sql.schema.identifiers import find_closest


@dataclass(frozen=True, slots=True)
class Functions:
    """Lower-case names of one kind. `denied` gives each denied name's reason, a key of `Catalogue.reasons`."""

    allowed: frozenset[str]
    denied: dict[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.allowed or name in self.denied


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything classified. `replacements` says what to write for names of other dialects."""

    functions: Functions
    table_functions: Functions
    pragmas: Functions
    types: Functions
    collations: Functions
    reasons: dict[str, str]
    replacements: dict[str, str]

    def compose_hint(self, name: str) -> str:
        """Return what to write instead of a function that may not be called."""
        if name in self.replacements:
            return f"Write {self.replacements[name]} instead."
        near = find_closest(name, self.functions.allowed) if name not in self.functions.denied else None
        return f"Did you mean {near}?" if near else "Leave it out, or use another function."


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """Return the classification, read from the package once."""
    data = json.loads(resources.files(__package__).joinpath("functions.json").read_text(encoding="utf-8"))
    kinds = {
        kind: Functions(
            frozenset(name.lower() for name in data[kind]["allowed"]),
            {name.lower(): reason for reason, names in data[kind]["denied"].items() for name in names},
        )
        for kind in ("functions", "table_functions", "pragmas", "types", "collations")
    }
    return Catalogue(**kinds, reasons=data["reasons"], replacements=data["instead"])
