"""Tables that are not there: the one that is meant, where its name is alike."""

from __future__ import annotations

from sqlglot import exp

from nl2sql.mend import names
from nl2sql.mend.query import Query, identifier


def name_tables(query: Query) -> None:
    """Give each unknown table the name of the one that is spelled alike or nearly, or has just its words more."""
    ctes = {cte.alias.lower() for cte in query.tree.find_all(exp.CTE)}
    known = [table.name for table in query.schema.tables]
    for node in list(query.tree.find_all(exp.Table)):
        written = f"{node.db}.{node.name}" if node.db else node.name
        if not isinstance(node.this, exp.Identifier) or query.schema.table(written) or node.name.lower() in ctes:
            continue
        meant = next((found for found in (way(written, known) for way in _WAYS) if found is not None), None)
        if meant is None:
            continue
        alias = node.alias
        database, _, name = meant.rpartition(".")
        node.set("this", identifier(name))
        node.set("db", identifier(database) if database else None)
        node.set("catalog", None)
        if not alias and any(column.table.lower() == written.lower() for column in query.tree.find_all(exp.Column)):
            node.set("alias", exp.TableAlias(this=identifier(written)))
        query.done.append(f"{written} is {meant}")


_WAYS = (names.same, names.near, names.covering)
