"""The types of a schema: tables, columns and keys as introspected and profiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from nl2sql.types.type_families import is_temporal, is_text

MAIN_SCHEMA: Final = "main"

# Called with what is under way, how much of it is done, and how much there is, which is 0 where nobody knows.
Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Column:
    """One column as introspected and profiled.

    `type` is the engine's own name for it, e.g. `DECIMAL(10,2)`. The profile fields are None where the
    profile did not look or could not tell: `distinct` and `null_fraction` (0 to 1) may come from a sample, in
    which case the table's `sampled` is true. `values` are all distinct values, only where they are few;
    `samples` are some. Both, and the range, hold text as the engine prints it. `texts` are the commonest distinct
    texts of a text column whose values are many, kept to be looked up. `generated` columns are made of others;
    `refused` ones no query may read, whatever the policy. `synonyms` are the owner's other words for it.
    """

    name: str
    type: str
    nullable: bool = True
    comment: str | None = None
    distinct: int | None = None
    null_fraction: float | None = None
    minimum: str | None = None
    maximum: str | None = None
    values: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    generated: bool = False
    refused: bool = False
    synonyms: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether its values are texts, and no lists of them."""
        return is_text(self.type)

    @property
    def is_temporal(self) -> bool:
        """Whether its values are days or moments, and no lists of them."""
        return is_temporal(self.type)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table refer to `target_columns` of `target_table`, pairwise.

    `inferred` marks a key that nobody declared: names and values suggest it.
    """

    columns: tuple[str, ...]
    target_table: str
    target_columns: tuple[str, ...]
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view. `name` is what SQL calls it: `orders`, or `sales.orders` outside the main schema.

    `schema` is the schema's name where the first dot of `name` does not tell it, `catalog` the database's own where
    SQL has to say it too. `refused` says that no query may read it, whatever the policy; `inferred_key` that nobody
    declared the primary key: a name and an estimate suggest it. `synonyms` are the owner's other words for it.
    """

    name: str
    columns: tuple[Column, ...]
    kind: str = "table"
    comment: str | None = None
    row_count: int | None = None
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    sampled: bool = False
    schema: str | None = None
    catalog: str = ""
    refused: bool = False
    synonyms: tuple[str, ...] = ()
    inferred_key: bool = False

    @property
    def path(self) -> tuple[str, str]:
        """The name of its schema, or of the catalog attached beside the database, and its own."""
        if self.schema is None:
            schema, dot, own = self.name.partition(".")
            return (schema, own) if dot else (MAIN_SCHEMA, self.name)
        within = self.name[len(self.catalog) + 1 :] if self.catalog else self.name
        return self.schema, within if self.schema == MAIN_SCHEMA else within[len(self.schema) + 1 :]

    def find_column(self, name: str) -> Column | None:
        """Return the column of that name in any case, or None."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything introspected from one database. `fingerprint` changes when the data may have changed."""

    tables: tuple[Table, ...]
    dialect: str = "duckdb"
    fingerprint: str = ""

    def find_table(self, name: str) -> Table | None:
        """Return the table of that name in any case, or None."""
        return next((t for t in self.tables if t.name.lower() == name.lower()), None)
