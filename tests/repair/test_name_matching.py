"""Which names are one, which are a slip of the pen, and which are two words that look alike."""

from __future__ import annotations

import pytest

from nl2sql.repair.name_matching import find_near_names, is_alike, is_plural, is_slip, split_words


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("latitude", "altitude"),
        ("active_users", "inactive_users"),
        ("male_count", "female_count"),
        ("paid_date", "unpaid_date"),
        ("deactivated_at", "activated_at"),
        ("incomplete", "complete"),
        ("gross_weight", "cross_weight"),
        ("contact", "contract"),
        ("supplier_contact", "supplier_contract"),
        ("contacts", "contracts"),
        ("employer_name", "employee_name"),
        ("interviewer", "interviewee"),
        ("shopping_cost", "shipping_cost"),
        ("received_at", "receiver_at"),
        ("counties", "countries"),
        ("patents", "patients"),
        ("rechnungsbeitrag", "rechnungsbetrag"),
        ("vortragsnummer", "vertragsnummer"),
        ("sales_q1", "sales_q2"),
        ("address1", "address2"),
        ("prepaid", "repaid"),
        ("min_price", "max_price"),
        ("debit", "debt"),
        ("stationary", "stationery"),
        ("email_sent", "mail_sent"),
        ("cost_price", "price"),
        ("part_1_2", "part_12"),
    ],
)
@pytest.mark.parametrize("question", ["", "Wie hoch ist die Summe?", "{written}?"])
def test_two_words_are_no_slip(written: str, name: str, question: str) -> None:
    for one, other in ((written, name), (name, written)):
        assert not is_slip(one, other, set(split_words(question.format(written=one))))
        assert not is_alike(one, other) and not is_plural(one, other)


@pytest.mark.parametrize(
    ("written", "name", "question"),
    [
        ("slaary", "salary", "What is the average salary?"),
        ("slaary", "salary", "Was ist das mittlere Gehalt?"),
        ("departmnt_id", "department_id", "employees by department"),
        ("quantitty", "quantity", "Wie viele Stück?"),
        ("comittee_name", "committee_name", "¿Cómo se llama?"),
        ("adress", "address", "List the addresses"),
        ("empolyer", "employer", ""),
        ("shopping_cost", "shipping_cost", "What did shipping cost?"),
        ("motant", "montant", "Quel est le montant?"),
    ],
)
def test_a_slip_is_one_where_the_question_or_the_word_shows_it(written: str, name: str, question: str) -> None:
    assert is_slip(written, name, set(split_words(question)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("screening", "screenings"),
        ("category", "categories"),
        ("address", "addresses"),
        ("box", "boxes"),
        ("Bestellung", "bestellungen"),
        ("kunde", "kunden"),
        ("journal", "journaux"),
        ("bureau", "bureaux"),
        ("ciudad", "ciudades"),
        ("luz", "luces"),
        ("OrderItem", "order_items"),
    ],
)
def test_a_plural_is_the_same_word(one: str, other: str) -> None:
    assert is_plural(one, other) and is_plural(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("class", "classs"), ("sale", "salary"), ("order", "orders_old"), ("a", "as_of"), ("", "s")]
)
def test_what_is_longer_is_no_plural(one: str, other: str) -> None:
    assert not is_plural(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("BillingCity", "billing_city"),
        ("hall no", "HallNo"),
        ("größe", "Groesse"),
        ("straße", "STRASSE"),
        ("año", "ano"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert is_alike(one, other)


def test_names_without_letters_are_no_spelling_of_each_other() -> None:
    assert not is_alike("_", "-")


def test_at_most_three_near_names_are_returned() -> None:
    names = ["unit_price", "list_price", "price", "prices_old", "stock", "pricing"]
    assert find_near_names("cost_price", names) == ("list_price", "price", "unit_price")
    assert find_near_names("colour", ["color", "size"]) == ("color",)
    assert find_near_names("mood", ["id", "title"]) == ()
