"""A query under repair: its tree, its schema, the engine's error, the words of the question.

Holds what several rules need to find or change a node. Which change is right, the rules decide.
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
    """A changed tree, the change in words, and what must hold of the data for it to be right."""

    tree: exp.Expr
    text: str
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairContext:
    """The input of one rule for one attempt. The tree is a copy of its own: a rule may change it in place.

    `question_words` are the words of the question, folded. `disproved_proofs` are the proofs that the data contradicts.
    """

    tree: exp.Expr
    schema: Schema
    error: BindError
    question_words: frozenset[str] = frozenset()
    disproved_proofs: frozenset[Proof] = field(default_factory=frozenset)

    def find_scopes(self) -> list[Scope]:
        """Return the SELECTs of the query, the outer before the inner."""
        return list_scopes(self.tree, self.schema)

    def find_fault(self) -> tuple[Scope, exp.Column] | None:
        """Return the column that refers to nothing and that the error is about, with its SELECT."""
        found = [(scope, column) for scope in self.find_scopes() for column in scope.list_unresolved()]
        if self.error.fault not in (Fault.COLUMN, Fault.GROUPING, Fault.DENIED) or not found:
            return None
        name = self.error.name.lower()
        at_position = [pair for pair in found if self.error.position in _list_starts(pair[1])]
        with_name = [pair for pair in found if name and name in (pair[1].name.lower(), pair[1].table.lower())]
        return (at_position or with_name or found)[0]

    def is_disproved(self, proofs: tuple[Proof, ...]) -> bool:
        """Return whether the data contradicts one of the proofs."""
        return not self.disproved_proofs.isdisjoint(proofs)


def _list_starts(column: exp.Column) -> list[int]:
    """Return the positions in the text at which the parts of the column start, in characters."""
    parts = (column.this, column.args.get("table"))
    return [int(part.meta["start"]) for part in parts if part is not None and "start" in part.meta]


def make_identifier(name: str) -> exp.Identifier:
    """Make an identifier, quoted where the name requires it."""
    return exp.to_identifier(name, quoted=quote(name) != name)


def make_column(alias: str, name: str) -> exp.Column:
    """Make a column with the alias of its source."""
    return exp.Column(this=make_identifier(name), table=make_identifier(alias))


def show_node(node: exp.Expr) -> str:
    """Write the node as SQL, for messages."""
    return node.sql("duckdb", comments=False)


def rebind_column(scope: Scope, column: exp.Column, source: ScopeSource, name: str | None = None) -> str:
    """Point the column, at each place of this SELECT, to the source, and rename it where a name is given.

    Returns the change in words.
    """
    before, is_inner = show_node(column), scope.select.parent is not None
    for same in list_same_columns(scope, column):
        if name is not None and name.lower() != same.name.lower():
            if is_inner:
                _keep_label(same)
            same.set("this", make_identifier(name))
        same.set("table", make_identifier(source.alias) if column.table or len(scope.sources) > 1 else None)
    return f"{before} is {show_node(column)}"


def list_same_columns(scope: Scope, column: exp.Column) -> list[exp.Column]:
    """Return every place of the SELECT where the column is written the same way."""
    wanted = (column.table.lower(), column.name.lower())
    return [other for other in scope.columns if (other.table.lower(), other.name.lower()) == wanted]


def _keep_label(column: exp.Column) -> None:
    """Keep the name of the result's column, by which an outer query may refer to it."""
    parent = column.parent
    if isinstance(parent, exp.Select) and column.arg_key == "expressions":
        label = exp.Alias(this=exp.Null(), alias=exp.to_identifier(column.name, quoted=column.this.quoted))
        column.replace(label)
        label.set("this", column)


def find_column(source: ScopeSource, name: str) -> Column | None:
    """Return the schema's column of that name in a source."""
    return source.table.find_column(name) if source.table is not None else None


def resolve_column(scope: Scope, column: exp.Column) -> tuple[ScopeSource, Column] | None:
    """Return the source and the schema's column that a column refers to, where that is certain."""
    if column.table:
        source = scope.find_source(column.table)
    else:
        holders = scope.find_sources(column.name)
        source = holders[0] if len(holders) == 1 else None
    found = find_column(source, column.name) if source is not None else None
    return (source, found) if source is not None and found is not None else None


def list_equal_texts(column: exp.Column) -> list[exp.Literal]:
    """Return the string literals that the column must equal one of.

    Empty where one of them is no string, or where the column is compared in another way.
    """
    parent = column.parent
    others: list[exp.Expr] = []
    if isinstance(parent, exp.EQ):
        others = [parent.expression if parent.this is column else parent.this]
    elif isinstance(parent, exp.In) and parent.this is column:
        others = parent.expressions
    texts = [other for other in others if isinstance(other, exp.Literal) and other.is_string]
    return texts if len(texts) == len(others) else []


def list_names(source: ScopeSource) -> list[str]:
    """Return the names of the source's columns, in the schema's spelling where it is a table."""
    return [column.name for column in source.table.columns] if source.table else sorted(source.columns or ())


def is_number(column: Column) -> bool:
    """Return whether the column holds numbers."""
    return is_numeric(column.type)


def drop_schema(name: str) -> str:
    """Return a table's name without that of its schema."""
    return name.rpartition(".")[2]
