"""Every rule shows what it does in its docstring: the examples run here, over a real database."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import nl2sql.repair
from nl2sql.repair import RULES, TEXT_RULES
from nl2sql.types import RepairKind

PREFIX = f"{nl2sql.repair.__name__}."


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(nl2sql.repair.__path__, PREFIX):
        yield importlib.import_module(found.name)


@pytest.mark.parametrize("module", [*modules()], ids=lambda module: module.__name__.removeprefix(PREFIX))
def test_docstring_examples_hold(shop: Any, module: ModuleType) -> None:
    def repair(sql: str, question: str = "") -> None:
        report = shop.repair(sql, question)
        if report.sql:
            print(report.sql)  # noqa: T201 - a doctest compares what is printed

    failed, _ = doctest.testmod(module, extraglobs={"repair": repair})
    assert not failed


@pytest.mark.parametrize("rule", [*RULES, *TEXT_RULES], ids=lambda rule: rule.apply.__name__)
def test_a_rule_says_when_it_holds_and_shows_it(rule: Any) -> None:
    told = str(rule.apply.__doc__)
    if getattr(rule, "kind", RepairKind.EXACT) is RepairKind.GUESS:
        assert "A guess" in told
    else:
        assert "Precondition:" in told and ">>> repair(" in told


def test_rules_have_names_of_their_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
