"""Which words of a question nothing in the SQL stands for, and what a query keeps of the one before."""

from __future__ import annotations

import json

import pytest

import nl2sql
from nl2sql.answer.confidence import describe_untraced_words
from nl2sql.answer.follow_up import find_carried_parts
from nl2sql.answer.question_words import guess_language
from nl2sql.answer.word_trace import match_words, trace_words
from nl2sql.model.scripted import ScriptedModel
from nl2sql.sample_database import find_sample_folder
from nl2sql.types import Column, ForeignKey, Schema, Table, UntracedWord

SCHEMA = Schema(
    (
        Table(
            "invoices",
            (
                Column("invoice_id", "INTEGER"),
                Column("net_amount", "DECIMAL(10,2)", comment="What is owed, before VAT; also called turnover"),
                Column("unpaid_since", "DATE"),
                Column("state", "VARCHAR", values=("CA", "NY")),
                Column("customer_id", "INTEGER"),
            ),
            comment="Bills sent to customers",
            foreign_keys=(ForeignKey(("customer_id",), "customers", ("customer_id",)),),
        ),
        Table(
            "customers", (Column("customer_id", "INTEGER"), Column("inactive", "BOOLEAN"), Column("city", "VARCHAR"))
        ),
        Table("refunds", (Column("invoice_id", "INTEGER"), Column("amount", "DECIMAL(10,2)"))),
        Table("Bestellungen", (Column("Bestellnummer", "INTEGER"), Column("Liefertermin", "DATE"))),
    )
)


def untraced(question: str, sql: str) -> list[str]:
    return [one.word for one in trace_words(question, sql, SCHEMA)]


@pytest.mark.parametrize(
    ("question", "sql", "words"),
    [
        ("How many invoices are there?", "SELECT count(*) FROM invoices", []),
        ("How many draft invoices are there?", "SELECT count(*) FROM invoices", ["draft"]),
        ("What is the total gross amount?", "SELECT sum(net_amount) FROM invoices", ["gross"]),
        ("What is the turnover before VAT?", "SELECT sum(net_amount) FROM invoices", []),
        ("What is the average discount?", "SELECT avg(net_amount) FROM invoices", ["discount"]),
        (
            "Average invoice of each city",
            "SELECT city, sum(net_amount) FROM invoices JOIN customers USING (customer_id) GROUP BY city",
            ["Average"],
        ),
        ("When was the earliest one paid?", "SELECT min(unpaid_since) FROM invoices", ["paid"]),
        ("How many active customers?", "SELECT count(*) FROM customers WHERE inactive", ["active"]),
        ("How many bills in California?", "SELECT count(*) FROM invoices WHERE state = 'CA'", []),
        (
            "Bills over 5,000 in 2024",
            "SELECT * FROM invoices WHERE net_amount > 5000 AND year(unpaid_since) = 2024",
            [],
        ),
        (
            "Bills over 5000 in 2023",
            "SELECT * FROM invoices WHERE net_amount > 5000 AND year(unpaid_since) = 2024",
            ["2023"],
        ),
        (
            "Bills unpaid in March 2025",
            "SELECT * FROM invoices WHERE unpaid_since >= DATE '2025-03-01' AND unpaid_since < DATE '2025-04-01'",
            [],
        ),
        (
            "Bills unpaid in May 2025",
            "SELECT * FROM invoices WHERE unpaid_since >= DATE '2025-03-01' AND unpaid_since < DATE '2025-04-01'",
            ["May"],
        ),
        ("The five largest invoices", "SELECT invoice_id FROM invoices ORDER BY net_amount DESC LIMIT 5", []),
        ("Customers in Berlin", "SELECT * FROM customers WHERE city = 'Berlin'", []),
        ("Customers in Hamburg", "SELECT * FROM customers WHERE city = 'Berlin'", ["Hamburg"]),
        ("Wie viele Bestellungen gibt es?", 'SELECT count(*) FROM "Bestellungen"', []),
        ("Wie viele verspätete Bestellungen gibt es?", 'SELECT count(*) FROM "Bestellungen"', ["verspätete"]),
        (
            "Durchschnittlicher Liefertermin der Bestellungen?",
            'SELECT max("Liefertermin") FROM "Bestellungen"',
            ["Durchschnittlicher"],
        ),
        ("¿Cuántas facturas hay?", "SELECT count(*) FROM invoices", []),
        ("anything", "no SQL at all (", []),
    ],
)
def test_untraced_words(question: str, sql: str, words: list[str]) -> None:
    assert untraced(question, sql) == words


def test_weight_of_untraced_words() -> None:
    (draft,) = trace_words("How many draft invoices?", "SELECT count(*) FROM invoices", SCHEMA)
    assert draft.is_qualifier and draft.is_measured and not draft.is_in_schema
    (refunds,) = trace_words("Sum of the refunds", "SELECT sum(net_amount) FROM invoices", SCHEMA)
    assert refunds.is_in_schema
    (number,) = trace_words("Invoices over 300", "SELECT * FROM invoices WHERE net_amount > 30", SCHEMA)
    assert number.is_number
    (name,) = trace_words("The customers of Acme", "SELECT * FROM customers", SCHEMA)
    assert name.is_name
    (verb,) = trace_words("Customers we like to quarrel with", "SELECT * FROM customers", SCHEMA)
    assert not verb.has_weight and describe_untraced_words((verb,)) == ()
    assert describe_untraced_words((draft, verb)) == ("Nothing in the SQL stands for: draft.",)


def test_a_word_that_the_owner_has_explained_is_known() -> None:
    sql = "SELECT sum(net_amount) / count(*) FROM invoices"
    assert [one.word for one in trace_words("What is our ARPU?", sql, SCHEMA)] == ["ARPU"]
    assert trace_words("What is our ARPU?", sql, SCHEMA, ["ARPU"]) == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("order", "orders", True),
        ("categories", "category", True),
        ("billed", "bill", True),
        ("rated", "rating", True),
        ("bestellungen", "bestellung", True),
        ("latitude", "lat", True),
        ("active", "inactive", False),
        ("paid", "unpaid", False),
        ("contact", "contract", False),
        ("hired", "fired", False),
        ("mail", "main", False),
        ("cost", "price", False),
        ("rating", "ranking", False),
        ("net", "network", False),
    ],
)
def test_words_in_other_forms(one: str, other: str, same: bool) -> None:
    assert match_words(one, other) is same


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How many orders are there in the north?", "en"),
        ("Wie viele Bestellungen gibt es im Norden?", "de"),
        ("Combien de commandes y a-t-il dans le nord ?", "fr"),
        ("¿Cuántos pedidos hay en el norte?", "es"),
        ("Quanti ordini ci sono nel nord?", "it"),
        ("Quantos pedidos há no norte?", "pt"),
        ("Hoeveel bestellingen zijn er in het noorden?", "nl"),
        ("売上高", "en"),
    ],
)
def test_languages(question: str, language: str) -> None:
    assert guess_language(question) == language


def test_few_words_of_the_samples_questions_weigh_against_its_gold_queries() -> None:
    doubted = []
    with nl2sql.connect(model=ScriptedModel(), config=nl2sql.load_config()) as assistant:
        for line in (find_sample_folder() / "questions.jsonl").read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            found = trace_words(
                case["question"], assistant.database.check_or_raise(case["gold_sql"]).sql, assistant.schema
            )
            doubted += [(case["id"], one.word) for one in found if one.has_weight]
    assert len({case for case, _ in doubted}) <= 4, doubted


@pytest.mark.parametrize(
    ("question", "sql", "carried"),
    [
        (
            "And by city?",
            "SELECT city, sum(net_amount) FROM invoices JOIN customers USING (customer_id) WHERE "
            "year(unpaid_since) = 2024 GROUP BY city",
            ("year(unpaid_since) = 2024", "sum(net_amount)"),
        ),
        (
            "What net amount is unpaid since 2024, by city?",
            "SELECT city, sum(net_amount) FROM invoices JOIN customers "
            "USING (customer_id) WHERE year(unpaid_since) = 2024 GROUP BY city",
            (),
        ),
        ("How many customers are there?", "SELECT count(*) FROM customers", ()),
        (
            "And in 2023?",
            "SELECT sum(i.net_amount) FROM invoices AS i WHERE year(i.unpaid_since) = 2023",
            ("sum(net_amount)",),
        ),
    ],
)
def test_what_a_follow_up_keeps(question: str, sql: str, carried: tuple[str, ...]) -> None:
    before = "SELECT sum(net_amount)\nFROM invoices\nWHERE year(unpaid_since) = 2024"
    assert find_carried_parts(question, sql, before, SCHEMA) == carried


def test_untraced_words_are_values() -> None:
    assert UntracedWord("x") == UntracedWord("x") and not UntracedWord("x").has_weight
