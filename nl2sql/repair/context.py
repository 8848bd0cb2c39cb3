"""A query under repair: its tree, the schema it is about, the engine's error, the question's words.

What several rules need to find and to change is here; which change is right, they decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from nl2sql.repair.binding import BindError, Fault
from nl2sql.repair.scopes import Scope, ScopeSource, list_scopes
from nl2sql.schema.identifiers import quote
from nl2sql.types import Column, Proof, Schema
from nl2sql.types.type_families import is_numeric


@dataclass(frozen=True, slots=True)
class Edit:
    """A change: the tree with it, what was changed in words, and what must hold of the data."""

    tree: exp.Expr
    text: str
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairContext:
    """One attempt. The tree is this attempt's own: a rule may change it in place.

    `question_words` holds the words of the question, folded; `disproved_proofs` what the data was found not to bear
    out.
    """

    tree: exp.Expr
    schema: Schema
    error: BindError
    question_words: frozenset[str] = frozenset()
    disproved_proofs: frozenset[Proof] = field(default_factory=frozenset)

    def find_scopes(self) -> list[Scope]:
        """The SELECTs, the outer before the inner."""
        return list_scopes(self.tree, self.schema)

    def find_fault(self) -> tuple[Scope, exp.Column] | None:
        """The column that refers to nothing and that the error is about, and its SELECT."""
        found = [(scope, column) for scope in self.find_scopes() for column in scope.list_unresolved()]
        if self.error.fault not in (Fault.COLUMN, Fault.GROUPING, Fault.DENIED) or not found:
            return None
        name = self.error.name.lower()
        at = [one for one in found if self.error.position in _list_starts(one[1])]
        named = [one for one in found if name and name in (one[1].name.lower(), one[1].table.lower())]
        return (at or named or found)[0]

    def is_disproved(self, proofs: tuple[Proof, ...]) -> bool:
        """Whether the data contradicts one of these."""
        return not self.disproved_proofs.isdisjoint(proofs)


def _list_starts(column: exp.Column) -> list[int]:
    """Where the parts of the column stand in the text."""
    parts = (column.this, column.args.get("table"))
    return [int(part.meta["start"]) for part in parts if part is not None and "start" in part.meta]


def make_identifier(name: str) -> exp.Identifier:
    """The name, quoted where it must be."""
    return exp.to_identifier(name, quoted=quote(name) != name)


def make_column(alias: str, name: str) -> exp.Column:
    """The column of a source."""
    return exp.Column(this=make_identifier(name), table=make_identifier(alias))


def show_node(node: exp.Expr) -> str:
    """The node as SQL, for telling."""
    return node.sql("duckdb", comments=False)


def rebind_column(scope: Scope, column: exp.Column, source: ScopeSource, name: str | None = None) -> str:
    """Make the column, wherever this SELECT has it, one of that source; returns what was changed in words."""
    before, is_inner = show_node(column), scope.select.parent is not None
    for one in list_same_columns(scope, column):
        if name is not None and name.lower() != one.name.lower():
            if is_inner:
                _keep_label(one)
            one.set("this", make_identifier(name))
        one.set("table", make_identifier(source.alias) if column.table or len(scope.sources) > 1 else None)
    return f"{before} is {show_node(column)}"


def list_same_columns(scope: Scope, column: exp.Column) -> list[exp.Column]:
    """The column wherever the SELECT has it, written alike."""
    spelled = (column.table.lower(), column.name.lower())
    return [one for one in scope.columns if (one.table.lower(), one.name.lower()) == spelled]


def _keep_label(column: exp.Column) -> None:
    """Let the result's column keep its name, by which the query around may ask for it."""
    parent = column.parent
    if isinstance(parent, exp.Select) and column.arg_key == "expressions":
        label = exp.Alias(this=exp.Null(), alias=exp.to_identifier(column.name, quoted=column.this.quoted))
        column.replace(label)
        label.set("this", column)


def find_column(source: ScopeSource, name: str) -> Column | None:
    """The schema's column behind a source's name."""
    return source.table.find_column(name) if source.table is not None else None


def resolve_column(scope: Scope, column: exp.Column) -> tuple[ScopeSource, Column] | None:
    """The source and the schema's column that a column refers to, where that is certain."""
    if column.table:
        source = scope.find_source(column.table)
    else:
        having = scope.find_sources(column.name)
        source = having[0] if len(having) == 1 else None
    found = find_column(source, column.name) if source is not None else None
    return (source, found) if source is not None and found is not None else None


def list_equal_texts(column: exp.Column) -> list[exp.Literal]:
    """The literals that the column must be equal to one of; none where one is no text, or it is compared otherwise."""
    parent = column.parent
    others: list[exp.Expr] = []
    if isinstance(parent, exp.EQ):
        others = [parent.expression if parent.this is column else parent.this]
    elif isinstance(parent, exp.In) and parent.this is column:
        others = parent.expressions
    texts = [other for other in others if isinstance(other, exp.Literal) and other.is_string]
    return texts if len(texts) == len(others) else []


def list_names(source: ScopeSource) -> list[str]:
    """The names of the source's columns, in the schema's spelling where it is a table."""
    return [column.name for column in source.table.columns] if source.table else sorted(source.columns or ())


def is_number(column: Column) -> bool:
    """Whether the column holds numbers."""
    return is_numeric(column.type)


def drop_schema(name: str) -> str:
    """A table's own name, without its schema's."""
    return name.rpartition(".")[2]
