"""SELECT statements over the library, made at random from a grammar: honest ones, and ones with a hostile heart.

It runs nothing and judges nothing. What it calls honest an analyst may send; it need not bind, as types are only
roughly kept. What it calls hostile reads something denied or does something forbidden, somewhere.
"""

from __future__ import annotations

from tests.guard.grammar_library import HOSTILE_TABLES, STARS, TABLES
from tests.guard.grammar_values import MARK, Source, Values


class Grammar(Values):
    """Makes statements; `honest`, `wild`, `hostile` and `shown` each give one text."""

    def honest(self, depth: int = 3) -> str:
        """A statement that reads what may be read."""
        self._heart = self._wild = 0.0
        return self._statement(depth)

    def wild(self, depth: int = 3) -> str:
        """A statement with calls of any function on any values, which mostly does not bind."""
        self._heart, self._wild = 0.0, 0.15
        return self._statement(depth)

    def hostile(self, depth: int = 3) -> str:
        """A statement with a hostile heart in some slot, where it is part of what runs."""
        self._heart, self._wild = 0.06, 0.0
        text = self._statement(depth)
        if MARK not in text:
            heart = self._pick(HOSTILE_TABLES)
            text = f"SELECT 1 AS x WHERE EXISTS (FROM {heart}) UNION ALL SELECT 2 FROM ({text.rstrip(';')}) AS w"
        return text.replace(MARK, "")

    def shown(self, depth: int = 2) -> str:
        """EXPLAIN, DESCRIBE, SHOW, SUMMARIZE, or PIVOT without its values, at the top or inside a query."""
        self._heart, self._wild = 0.0, self._chance.choice([0.0, 0.0, 0.05, 0.15])
        self._aliases, self._ctes = 0, []
        text = self._shown(depth)
        if self._maybe(0.5) or not text.startswith(("DESCRIBE", "SUMMARIZE", "PIVOT", "SHOW")):
            return text
        head = self._with(1) if self._maybe(0.3) else ""
        around = ["SELECT * FROM ({0}) AS w", "SELECT count(*) FROM ({0}) AS w, books AS b", "FROM ({0}) LIMIT 3"]
        around += [
            "SELECT (SELECT count(*) FROM ({0})) AS n FROM members AS m",
            "WITH w AS ({0}) SELECT * FROM w AS a, w AS b",
        ]
        return head + self._pick(around).format(text)

    def _shown(self, depth: int) -> str:
        query, columns = self._query(depth)
        table = self._pick(
            [*TABLES, *TABLES, "main.books", "library.main.loans", "vault", "archive.loans", "staff_all"]
        )
        column = self._pick([*columns, *TABLES.get(table, {}), "branch", "name"])
        source = self._pick([f"({query})", f"({query}) AS p", table])
        using = self._pick(
            ["count(*)", "count(*) AS n", "sum(1)", f"max({column})", "first(name)", "list(pin)", "max(wage)"]
        )
        on = self._pick(
            [column, column, f"{column} || '!'", f"{column}, {self._pick(['branch', 'role', 'title'])}", "pin", "wage"]
        )
        group = self._pick(["", "", f" GROUP BY {column}", " GROUP BY name", " GROUP BY wage"])
        return self._pick(
            [
                f"EXPLAIN {query}",
                f"EXPLAIN (FORMAT json) {query}",
                f"EXPLAIN ANALYZE {query}",
                f"DESCRIBE {query}",
                f"DESCRIBE {table}",
                f"SHOW {table}",
                f"SUMMARIZE {query}",
                f"SUMMARIZE {table}",
                f"PIVOT {source} ON {on} USING {using}{group}",
                f"PIVOT {source} ON {on} USING {using}{group}",
                f"PIVOT {source} ON {on}{group}",
                f"PIVOT (PIVOT {source} ON {on} USING {using}) ON {column}",
                f"EXPLAIN PIVOT {source} ON {on} USING {using}{group}",
                f"DESCRIBE (SUMMARIZE {query})",
                f"SUMMARIZE (PIVOT {source} ON {on} USING {using}{group})",
                f"EXPLAIN SUMMARIZE {query}",
                f"DESCRIBE PIVOT {source} ON {on} USING {using}",
            ]
        )

    def _statement(self, depth: int) -> str:
        self._aliases, self._ctes = 0, []
        make = self._chance.choices(
            [self._query, self._union, self._pivot, self._unpivot, self._values], [70, 12, 5, 5, 3]
        )[0]
        text, columns = make(depth)
        if self._maybe(0.3) and make is not self._pivot:
            text += f" ORDER BY {self._pick(['ALL', '1', '1 DESC NULLS LAST', next(iter(columns), '1')])}"
        if self._maybe(0.2):
            text += f" LIMIT {self._pick(['3', '10', '50%', '2 OFFSET 1', '(SELECT 3)'])}"
        return text + (";" if self._maybe(0.05) else "")

    def _query(self, depth: int) -> tuple[str, dict[str, str]]:
        """A SELECT; its columns are named after fresh aliases, so that any two can stand side by side."""
        known = len(self._ctes)
        head = self._with(depth - 1) if depth > 1 and self._maybe(0.25) else ""
        from_, scope = self._from(depth)
        if self._heart:
            # DuckDB does not look at a WITH that nothing reads.
            unread = [Source(self._alias(), {}) for _ in self._ctes[known:]]
            from_ += "".join(
                f" CROSS JOIN (SELECT count(*) FROM {cte.alias}) AS {new.alias}"
                for cte, new in zip(self._ctes[known:], unread, strict=True)
            )
        where = f" WHERE {self._bool(scope, depth - 1)}" if self._maybe(0.5) else ""
        shape = self._chance.choices([self._plain, self._grouped, self._windowed, self._star], [50, 25, 10, 15])[0]
        items, tail, columns = shape(scope, depth)
        body = f"SELECT {items} FROM {from_}{where}{tail}"
        if self._maybe(0.08):
            body = f"FROM {from_} SELECT {items}{where}{tail}"
        del self._ctes[known:]
        return head + body, columns

    def _with(self, depth: int) -> str:
        parts, recursive = [], self._maybe(0.2)
        for _ in range(self._chance.randint(1, 2)):
            # A WITH called like a denied table would make a hostile heart harmless.
            shadow = not self._heart and self._maybe(0.2)
            name = self._pick(["vault", "books", "codes", "staff"]) if shadow else self._alias("c")
            if recursive and self._maybe(0.7):
                name = self._alias("r")
                body = f"SELECT 1 AS n UNION ALL SELECT n + 1 FROM {name} WHERE n < {self._chance.randint(2, 6)}"
                columns = {"n": "i"}
            else:
                body, columns = self._query(depth)
            parts.append(f"{name} AS {self._pick(['', '', 'MATERIALIZED ', 'NOT MATERIALIZED '])}({body})")
            # A name defined twice does not bind; the later definition would be what it means.
            self._ctes = [cte for cte in self._ctes if cte.alias != name] + [Source(name, columns)]
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(parts)} "

    def _from(self, depth: int) -> tuple[str, list[Source]]:
        text, source = self._source(depth)
        scope = [source]
        for _ in range(self._chance.choices([0, 1, 2], [60, 32, 8])[0] if depth > 0 else 0):
            join = self._pick(["JOIN", "LEFT JOIN", "FULL JOIN", ",", "CROSS JOIN", "POSITIONAL JOIN", "SEMI", "ANTI"])
            right, source = self._source(depth - 1)
            if self._maybe(self._wild):
                shared = self._pick([" USING (name)", " USING (member_id)", " USING (role)", " USING (name, wage)", ""])
                text += (
                    f" {self._pick(['JOIN', 'SEMI JOIN', 'ASOF JOIN', 'LEFT JOIN'])} {right}{shared}"
                    if shared
                    else f" NATURAL JOIN {right}"
                )
                scope.append(source)
                continue
            if join in ("SEMI", "ANTI"):
                text += f" {join} JOIN {right} ON {self._comparison([*scope, source], 0)}"
                continue
            text += f"{join} {right}" if join == "," else f" {join} {right}"
            scope.append(source)
            if join in ("JOIN", "LEFT JOIN", "FULL JOIN"):
                text += f" ON {self._comparison(scope, 0) if join == 'FULL JOIN' else self._bool(scope, 0)}"
        if self._maybe(0.08):
            alias = self._alias()
            text += f", LATERAL (SELECT {self._value('t', scope, 0)} AS q) AS {alias}"
            scope.append(Source(alias, {"q": "t"}))
        return text, scope

    def _source(self, depth: int) -> tuple[str, Source]:
        alias = self._alias()
        if self._maybe(self._heart):
            return f"{MARK}{self._pick(HOSTILE_TABLES)} AS {alias}", Source(alias, {})
        if self._ctes and self._maybe(0.4):
            cte = self._chance.choice(self._ctes)
            return f"{cte.alias} AS {alias}", Source(alias, dict(cte.columns))
        if depth > 1 and self._maybe(0.3):
            makers = [self._query, self._union, self._pivot, self._unpivot, self._values, self._called]
            make = self._chance.choices(makers, [50, 12, 8, 8, 12, 10])[0]
            text, columns = make(depth - 1)
            return f"({text}) AS {alias}", Source(alias, columns)
        # A WITH of that name would be what is read, with other columns.
        free = [table for table in TABLES if table not in {cte.alias for cte in self._ctes}]
        table = self._pick(free)
        prefix = self._pick(["", "", "", "", "main.", "library.main.", "library."])
        if self._maybe(self._wild):
            names = list(TABLES[table])
            count = self._chance.randint(1, len(names) + 1)
            listed = ", ".join([f"n{number}" for number in range(count)])
            return f"{prefix}{table} AS {alias}({listed})", Source(alias, {f"n{n}": "t" for n in range(count)})
        sample = " TABLESAMPLE 50% (bernoulli, 7)" if self._maybe(0.02) else ""
        return f"{prefix}{table} AS {alias}{sample}", Source(alias, TABLES[table])

    def _called(self, depth: int) -> tuple[str, dict[str, str]]:
        return self._chance.choice(
            [
                ("SELECT generate_series AS g FROM generate_series(1, 4)", {"g": "i"}),
                ("SELECT range AS g FROM range(3)", {"g": "i"}),
                ("SELECT u FROM unnest(['x', 'y']) AS t(u)", {"u": "t"}),
                ('SELECT key AS k, atom::VARCHAR AS v FROM json_each(\'{"p": 1, "q": "z"}\')', {"k": "t", "v": "t"}),
                ("SELECT unnest(subjects) AS u FROM books", {"u": "t"}),
                ("SELECT unnest(shelf) FROM books", {"room": "t", "place": "i"}),
                ("SELECT u FROM books, unnest(subjects) AS t(u)", {"u": "t"}),
            ]
        )

    def _values(self, depth: int) -> tuple[str, dict[str, str]]:
        rows = ", ".join(f"({n}, {self._literal('t')}, {self._value('i', [], depth - 2)})" for n in range(2))
        a, b, c = (self._alias("v") for _ in range(3))
        return f"SELECT * FROM (VALUES {rows}) AS t({a}, {b}, {c})", {a: "i", b: "t", c: "i"}

    def _union(self, depth: int) -> tuple[str, dict[str, str]]:
        types = [self._pick(["i", "t", "d", "n"]) for _ in range(self._chance.randint(1, 3))]
        names = [self._alias("u") for _ in types]
        sides = []
        for _ in range(2):
            from_, scope = self._from(depth - 1)
            items = ", ".join(f"{self._value(t, scope, depth - 1)} AS {n}" for t, n in zip(types, names, strict=True))
            sides.append(f"SELECT {items} FROM {from_}")
        operator = self._pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "UNION ALL BY NAME", "EXCEPT ALL"])
        left, right = (f"({side})" if self._maybe(0.3) else side for side in sides)
        return f"{left} {operator} {right}", dict(zip(names, types, strict=True))

    def _pivot(self, depth: int) -> tuple[str, dict[str, str]]:
        using = self._pick(["count(*)", "sum(member_id)", "max(member_id) AS m"])
        source = f"SELECT branch, year(joined) AS y, member_id FROM members WHERE {self._bool([], 0)}"
        text = f"PIVOT ({source}) ON y IN (2023, 2024) USING {using} GROUP BY branch"
        return text, {"branch": "t"}

    def _unpivot(self, depth: int) -> tuple[str, dict[str, str]]:
        k, v = self._alias("k"), self._alias("v")
        source = "SELECT book_id, pages::DOUBLE AS pages, price::DOUBLE AS price FROM books"
        text = f"UNPIVOT ({source}) ON pages, price INTO NAME {k} VALUE {v}"
        return text, {"book_id": "i", k: "t", v: "n"}

    def _plain(self, scope: list[Source], depth: int) -> tuple[str, str, dict[str, str]]:
        distinct = self._pick(["", "", "", "", "DISTINCT "])
        columns = {self._alias("x"): self._pick(["i", "t", "n", "b", "d", "s", "t", "i"]) for _ in range(self._size())}
        items = ", ".join(f"{self._value(t, scope, depth - 1)} AS {n}" for n, t in columns.items())
        return distinct + items, "", columns

    def _grouped(self, scope: list[Source], depth: int) -> tuple[str, str, dict[str, str]]:
        key, total = self._alias("k"), self._alias("g")
        kind = self._pick(["t", "i"])
        aggregate, result = self._aggregate(scope, depth - 1)
        grouping = self._pick(["1", "ALL", key, key])
        having = f" HAVING count(*) > {self._chance.randint(0, 2)}" if self._maybe(0.3) else ""
        items = f"{self._value(kind, scope, 0)} AS {key}, {aggregate} AS {total}"
        return items, f" GROUP BY {grouping}{having}", {key: kind, total: result}

    def _windowed(self, scope: list[Source], depth: int) -> tuple[str, str, dict[str, str]]:
        rank, other = self._alias("w"), self._alias("x")
        call = self._pick(["row_number()", "rank()", f"sum({self._value('i', scope, 0)})", "count(*)", "ntile(2)"])
        part = f"PARTITION BY {self._value('t', scope, 0)} " if self._maybe(0.5) else ""
        frame = self._pick(["", "", "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"]) if "n" in call else ""
        over = f"{call} OVER ({part}ORDER BY {self._value('i', scope, 0)}, {self._value('t', scope, 0)} {frame})"
        qualify = f" QUALIFY {rank} <= 3" if self._maybe(0.5) else ""
        return f"{over} AS {rank}, {self._value('t', scope, 0)} AS {other}", qualify, {rank: "i", other: "t"}

    def _star(self, scope: list[Source], depth: int) -> tuple[str, str, dict[str, str]]:
        if self._wild:
            return self._odd_star(scope), self._pick(["", "", " ORDER BY ALL", " GROUP BY ALL"]), {}
        whole = [s for s in scope if s.columns and any(s.columns is TABLES[table] for table in STARS)]
        if not whole:
            return self._plain(scope, depth)
        source = self._chance.choice(whole)
        names = list(source.columns)
        first = names[0]
        item = self._pick(
            [
                f"{source.alias}.*",
                f"{source.alias}.* EXCLUDE ({names[-1]})",
                f"{source.alias}.* REPLACE (1 AS {first})",
                f"{source.alias}.* RENAME ({first} AS renamed)" if self._maybe(0.5) else f"{source.alias}.*",
                f"{source.alias}",
                "COLUMNS('.*e.*')" if all(s in whole for s in scope) else f"{source.alias}.*",
            ]
        )
        return item, "", {}

    def _odd_star(self, scope: list[Source]) -> str:
        alias = self._chance.choice(scope).alias
        without = self._pick(["pin", "wage", "name", "(pin, wage)", "(wage)", "(name, pin)", "(pin, member_id)"])
        return self._pick(
            [
                f"* EXCLUDE {without}",
                f"{alias}.* EXCLUDE {without}",
                f"{alias}.* EXCLUDE {without}",
                f"COLUMNS(* EXCLUDE {without})",
                f"max(COLUMNS({alias}.* EXCLUDE {without}))",
                "* REPLACE (1 AS wage)",
                "* REPLACE (NULL AS pin)",
                f"{alias}.* RENAME (pin AS q)",
                f"{alias}.* LIKE '%name%'",
                "COLUMNS('name|role|branch')",
                "COLUMNS('(.)(.*)') AS '\\2_\\1'",
                f"unnest({alias})",
                f"{alias}",
                f"DISTINCT ON (name) {alias}.name",
                f"{alias}.name, count(*)",
                f"count({alias}), count(*), count(DISTINCT {alias}.name)",
                f"struct_pack(*COLUMNS({alias}.* EXCLUDE {without}))",
            ]
        )

    def _size(self) -> int:
        return self._chance.choices([1, 2, 3], [50, 35, 15])[0]
