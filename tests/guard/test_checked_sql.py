"""Only `guard.check` makes what an engine runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import nl2sql
from nl2sql import guard
from nl2sql.errors import BugError
from nl2sql.types import CheckedSQL, Policy, Verdict


class EmptyHanded:
    """A judge that objects to nothing and says nothing."""

    def judge(self, sql: str, policy: Policy, *, collect_all: bool = False) -> Verdict:
        return Verdict()


def test_nothing_else_makes_a_seal() -> None:
    package = Path(nl2sql.__file__).parent
    makers = [path for path in package.rglob("*.py") if "_Seal(" in path.read_text(encoding="utf-8")]
    assert [path.relative_to(package).as_posix() for path in makers] == ["guard/checking.py"]


def test_no_checked_sql_without_the_seal() -> None:
    with pytest.raises(TypeError, match=r"only guard\.check"):
        CheckedSQL("SELECT 1", "SELECT 1", (), (), object())  # type: ignore[arg-type]


def test_a_silent_judge_lets_nothing_through() -> None:
    with pytest.raises(BugError):
        guard.check("SELECT 1", Policy(), EmptyHanded())


def test_bounds_come_before_the_judge() -> None:
    assert [f.rule for f in guard.examine("", Policy(), EmptyHanded()).findings] == ["empty"]
