"""What judging costs on a schema of 100 tables, in a warm process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import duckdb
import pytest

from nl2sql import guard
from nl2sql.types import Policy

pytestmark = pytest.mark.alone

QUERIES = [
    "SELECT name, sum(amount) FROM t{0} GROUP BY name ORDER BY 2 DESC LIMIT 10",
    "WITH a AS (SELECT * FROM t{0} WHERE amount > 1) SELECT count(*) FROM a JOIN t{1} b ON a.id = b.id",
    "SELECT date_trunc('month', made) AS m, avg(amount) OVER (PARTITION BY name) FROM t{0}",
]
MEDIAN_BOUND = 0.1


def test_median_is_small(judge_over: Callable[..., guard.Judge]) -> None:
    with duckdb.connect() as connection:
        for number in range(100):
            connection.execute(
                f"CREATE TABLE t{number} (id INTEGER, name VARCHAR, amount DECIMAL(10,2), made DATE, "
                + ", ".join(f"c{column} VARCHAR" for column in range(10))
                + ")"
            )
        judge = judge_over(connection)
        policy = Policy(deny_tables=frozenset({"t99"}), deny_columns=frozenset({"t98.name"}))
        guard.check("SELECT 1", policy, judge)
        seconds = []
        for number in range(30):
            sql = QUERIES[number % len(QUERIES)].format(number, number + 1)
            start = time.perf_counter()
            guard.check(sql, policy, judge)
            seconds.append(time.perf_counter() - start)
    told = f"guard on 100 tables: median {statistics.median(seconds) * 1000:.1f} ms, worst {max(seconds) * 1000:.1f} ms"
    sys.stdout.write(told + "\n")
    assert statistics.median(seconds) < MEDIAN_BOUND, told
