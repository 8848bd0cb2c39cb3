"""Texts in double quotes, which other dialects take for strings and DuckDB for names."""

from __future__ import annotations

from sqlglot import exp

from nl2sql.mend import names
from nl2sql.mend.query import Query


def quote_texts(query: Query) -> None:
    """Make a text of each double-quoted name that is compared with something and that nothing is called."""
    for scope in query.scopes():
        for column in scope.unresolved():
            known = [name for source in scope.sources for name in source.columns or ()]
            compared = isinstance(column.parent, exp.Predicate | exp.In | exp.Tuple | exp.Concat | exp.DPipe)
            if column.table or not column.this.quoted or not compared or names.same(column.name, known):
                continue
            query.done.append(f'"{column.name}" is a text')
            column.replace(exp.Literal.string(column.name))
