"""Questions that speak of now, and those that do not."""

from __future__ import annotations

import doctest

import pytest

from nl2sql.answer import question_words
from nl2sql.answer.question_words import is_about_now


@pytest.mark.parametrize(
    "question",
    [
        "Revenue of the last month",
        "How many dives were there this year?",
        "Orders in the past 30 days",
        "What was sold yesterday?",
        "Sales since March",
        "Invoices that are overdue",
        "Umsatz im letzten Monat",
        "Wie viele Tauchgänge gab es dieses Jahr?",
        "Le chiffre d'affaires du mois dernier",
        "Ventas del año pasado",
        "Vendite della settimana scorsa",
        "Vendas do mês passado",
        "Omzet van vorige maand",
        "先月の売上はいくらですか",
        "Сколько заказов было вчера?",
    ],
)
def test_questions_of_now(question: str) -> None:
    assert is_about_now(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which divers are the deepest?",
        "List the last name of each customer",
        "Top five models by revenue",
        "Which customers have made a purchase?",
        "How many orders were placed in 2024?",
        "Welche Kunden haben am meisten bestellt?",
        "Quel client a commandé le plus ?",
        "¿Qué clientes compraron más?",
    ],
)
def test_questions_without_time(question: str) -> None:
    assert not is_about_now(question)


def test_the_examples() -> None:
    assert doctest.testmod(question_words).failed == 0
