"""Whether sentences are borne out by rows: notations, derivations, dates, names, and that chance bears out little."""

from __future__ import annotations

import datetime as dt
import random
import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nl2sql.answer.fallback_sentences import describe_rows
from nl2sql.answer.grounding import (
    MAX_CHECKED_CELLS,
    MAX_CHECKED_VALUES,
    Evidence,
    check_numbers,
    drop_unnamed_currencies,
    find_unfounded_figures,
)
from nl2sql.answer.grounding.figure_reader import find_figures
from nl2sql.types import Result, ResultColumn


def result(columns: dict[str, list[Any]], *, truncated: bool = False) -> Result:
    return Result(tuple(ResultColumn(name, "VARCHAR") for name in columns), pa.table(columns), truncated)


SALES = result(
    {
        "region": ["Nord", "Süd 7"],
        "revenue": [Decimal("1234567.89"), Decimal("-50.25")],
        "share": [0.4567, 0.5433],
        "day": [dt.date(2025, 3, 31), dt.date(2024, 1, 2)],
    }
)
YEARS = result({"year": [2022, 2023, 2024], "margin": [Decimal("820.40"), Decimal("1025.50"), Decimal("912.15")]})
HARBOURS = result(
    {
        "harbour": ["Bergen", "Turku", "Gdynia", "Varberg"],
        "calls": [140, 90, 55, 35],
        "tonnes": [18250.75, 9120.5, 4410.0, 2200.25],
    }
)
MONTHS = result({"month": [dt.date(2024, month, 1) for month in range(3, 9)], "leaks": [14, 17, 11, 26, 31, 21]})
DIVERS = result(
    {
        "diver": ["Asta", "Bo", "Carl", "Dagny", "Elin"],
        "club": ["Reef", "Fjord", "Reef", "Kelp", "Reef"],
        "minutes": [610.0, 430.0, 380.0, 300.0, 280.0],
    }
)
GRID = result(
    {
        "line": ["Red", "Red", "Blue", "Blue"],
        "month": ["2024-09", "2024-10", "2024-09", "2024-10"],
        "riders": [1310.5, 1402.25, 960.0, 811.5],
    }
)
TEXTS = result(
    {"address": ["12 Quay Lane", "7 Mill Road"], "label": ["Valve Kit 5", "Pump"], "code": ["K042", "AX-19-003"]}
)
MOMENT = result({"at": [dt.datetime(2024, 5, 6, 18, 40)], "alarms": [3]})
PARTS = result({"y": [2024, 2024], "m": [5, 6], "n": [480, 720]})
NOTED = result({"valley": ["Ost", "West"], "change": [-6.27, 2.81], "amount": [4321.98, 876543.2]})


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("Nord made 1,234,567.89, about 1.2 million, or 1.23M.", SALES),
        ("Süd lost -50.25; it fell by 50.25.", SALES),
        ("Its share is 45.7%, that is 46 percent.", SALES),
        ("Two regions: 2 rows, on 2025-03-31. In total 1234517.64.", SALES),
        ("On March 31, 2025, and on 2nd January 2024; in March 2025.", SALES),
        ("Süd 7 is last. No numbers here.", SALES),
        ("Of the top 5 you asked for, 2 exist.", SALES),
        ("The margin rose from 820.40 in 2022 to 1,025.50 in 2023, by 25%, then fell by 113.35 in 2024.", YEARS),
        ("Over three years the total is 2,758.05 and the average 919.35.", YEARS),
        ("Bergen leads with 140 calls, 43.75% of all 320, 1.56 times as many as Turku.", HARBOURS),
        ("Bergen and Turku together handled 27,371.25 tonnes, 80.5% of the total.", HARBOURS),
        ("Turku, which ranks #2, had 90 calls; Gdynia is 3rd, and the four harbours had 320.", HARBOURS),
        ("Bergen handled over 18,000 tonnes, roughly 18.3k, and Turku nearly 9,200.", HARBOURS),
        ("Leaks rose from 14 in March 2024 to 31 in July 2024, and fell to 11 in May.", MONTHS),
        ("In Q2 2024 there were 17, 11 and 26.", MONTHS),
        ("In 6 months 120 leaks were counted, 20 a month on average, up 50% from March to August.", MONTHS),
        ("Three of the five divers are from Reef, with 1,270 minutes, 63.5% of all 2,000.", DIVERS),
        ("Asta (610), Bo (430) and Carl (380) are the top three.", DIVERS),
        ("Red had 2,712.75 riders and Blue 1,771.50; in October 2024 Red had 1,402.25.", GRID),
        ("There were 3 at 18:40 on May 6, 2024 (6:40 pm, 2024-05-06 18:40:00).", MOMENT),
        ('"Valve Kit 5" is at 12 Quay Lane, code K042; AX-19-003 is at 7 Mill Road.', TEXTS),
        ("In May 2024 there were 480, in June 720: half as much again, 50% more.", PARTS),
    ],
)
def test_stated_and_derived_figures_are_grounded(text: str, rows: Result) -> None:
    assert check_numbers(text, Evidence(rows, "What are the top 5 regions?")).unsupported == ()


@pytest.mark.parametrize(
    ("text", "unsupported", "rows"),
    [
        ("Nord made 1,234,568.89.", ("1,234,568.89",), SALES),
        ("Nord made 1.3 million.", ("1.3 million",), SALES),
        ("Nord lost -1234567.89.", ("-1234567.89",), SALES),
        ("Its share is 47%.", ("47%",), SALES),
        ("There are 3 regions.", ("3",), SALES),
        ("On 2025-04-01 it was 2.", ("2025-04-01",), SALES),
        ("In April 2025.", ("April 2025",), SALES),
        ("Growth was 12% in 2019.", ("12%", "2019"), SALES),
        ("The margin rose by 26%, or 205.20.", ("26%", "205.20"), YEARS),
        ("Bergen made 18.250,76.", ("18.250,76",), HARBOURS),
        ("The 5th is Varberg.", ("5th",), HARBOURS),
        ("Bergen had 14.0 million calls.", ("14.0 million",), HARBOURS),
        ("Two divers are from Reef, four in all.", ("Two", "four"), DIVERS),
        ("Reef has 1,271 minutes.", ("1,271",), DIVERS),
        ("At 18:41 on May 6 there were 3.", ("18:41",), MOMENT),
        ("On 7 May there were 3.", ("7 May",), MOMENT),
        ("Its code is K043, AX-19-004.", ("K043", "AX-19-004"), TEXTS),
        ("It is at 7 Quay Lane.", ("7",), TEXTS),
        ('The "Central" line leads.', ("Central",), GRID),
        ("In July 480.", ("July",), PARTS),
    ],
)
def test_unsupported_statement_is_not_grounded(text: str, unsupported: tuple[str, ...], rows: Result) -> None:
    grounding = check_numbers(text, Evidence(rows))
    assert grounding.unsupported == unsupported
    assert grounding.numbers - grounding.supported == len(unsupported)
    assert len(grounding.basis) == grounding.supported


@pytest.mark.parametrize(
    "written",
    [
        "2.81", "2,81 %", "2,8 %", "−6,27 %", "-6.27", "6,27", "4.321,98 €", "4 321,98", "4\u202f321,98",
        "4\u00a0321,98", "4\u2009321,98", "4'321.98", "4’321.98", "4,321.98", "8,76,543.20", "876.543,2", "876543,2",
        "4.322", "4.3k", "4,3 Tsd.", "0,88 Mio.", "0.88 million", "0,88 millones", "8.77 lakh", "٢٫٨١", "２.８１",
        "२.८१", "+2.81", "(4,322)", "87.7万", "USD 4,322", "4.32198e3", "2.81 per cent", "2,81 Prozent",
        "2,81 pour cent",
    ],
)  # fmt: skip
def test_numbers_are_read_in_the_notation_of_the_sentence(written: str) -> None:
    assert check_numbers(f"x {written} y.", Evidence(NOTED)).unsupported == ()


@pytest.mark.parametrize(
    "written", ["3,81 %", "4.321,99", "876.544,2", "8,76,544.20", "4 322,98", "0,98 Mio.", "9.77 lakh", "٣٫٨١", "4.32M"]
)
def test_a_wrong_figure_is_wrong_in_every_notation(written: str) -> None:
    assert check_numbers(f"x {written} y.", Evidence(NOTED)).unsupported != ()


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-06", "May 6, 2024", "6 May 2024", "6th of May 2024", "6. Mai 2024", "06.05.2024", "6 mai 2024",
        "6 de mayo de 2024", "6 maggio 2024", "6 de maio de 2024", "6 mei 2024", "06/05/2024", "5/6/2024", "2024/05/06",
        "2024年5月6日", "5月6日", "06.05.24", "May 2024", "mayo de 2024", "2024-05", "Q2 2024", "2. Quartal 2024",
        "H1 2024", "2024", "May '24",
    ],
)  # fmt: skip
def test_dates_are_read_as_they_are_written(written: str) -> None:
    assert check_numbers(f"x {written} y.", Evidence(MOMENT)).unsupported == ()


@pytest.mark.parametrize(
    "written",
    ["2024-05-07", "6 June 2024", "07.05.2024", "6 de abril de 2024", "2024年5月7日", "Q3 2024", "2023", "May '23"],
)
def test_a_wrong_date_is_wrong_however_it_is_written(written: str) -> None:
    assert check_numbers(f"x {written} y.", Evidence(MOMENT)).unsupported != ()


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("Drei Taucher sind von Reef.", 1),
        ("Trois plongeurs sont de Reef.", 1),
        ("Tres buzos son de Reef.", 1),
        ("Ci sono tre sub di Reef, e cinque in tutto.", 2),
        ("São três mergulhadores de Reef.", 1),
        ("Er zijn drie duikers van Reef.", 1),
        ("Two-thirds are due once a week; one of the divers is late.", 0),
    ],
)
def test_counts_in_words_are_figures_too(text: str, figures: int) -> None:
    found = check_numbers(text, Evidence(DIVERS))
    assert (found.numbers, found.unsupported) == (figures, ())


@pytest.mark.parametrize(
    "text", ["Vier Taucher sind von Reef.", "Neuf plongeurs sont de Reef.", "Ci sono due sub di Reef, e sei."]
)
def test_a_wrong_count_in_words_is_not_borne_out(text: str) -> None:
    assert check_numbers(text, Evidence(DIVERS)).unsupported != ()


def test_each_figure_says_what_it_rests_on() -> None:
    text = 'Of 320 calls "Bergen" had 140, 43.75%, 50 more than Turku; the 5 asked for are 4.'
    found = check_numbers(text, Evidence(HARBOURS, "the five busiest harbours?"))
    assert {one.text: one.basis for one in found.basis} == {
        "320": "total of calls",
        "Bergen": "texts",
        "140": "calls, row 1",
        "43.75%": "share of calls, row 1",
        "50": "difference of calls, row 1 and calls, row 2",
        "5": "question",
        "4": "number of rows",
    }


def test_large_whole_numbers_are_compared_digit_by_digit() -> None:
    rows = result(
        {"id": [Decimal("12345678901234567890123"), Decimal(7)], "total": [Decimal("1234567891.00"), Decimal("3.5")]}
    )
    assert check_numbers("12345678901234567890123 made 1,234,567,891.", Evidence(rows)).unsupported == ()
    wrong = ("12345678901234567890124", "1,234,567,892")
    assert check_numbers(f"{wrong[0]} made {wrong[1]}.", Evidence(rows)).unsupported == wrong


def test_infinite_and_huge_values_break_nothing() -> None:
    odd = result({"x": [float("inf"), float("-inf"), float("nan"), 1e308, 1e308, 2.5]})
    assert check_numbers("It is 2.5, not 7.", Evidence(odd)).unsupported == ("7",)


def test_totals_of_a_truncated_result_ground_nothing() -> None:
    cut = result({"name": ["a", "b", "c", "d", "e"], "n": [10, 20, 30, 40, 51]}, truncated=True)
    assert check_numbers("There are 5 customers, with 151.", Evidence(cut)).unsupported == ("5", "151")
    assert check_numbers("There are more than 5 customers.", Evidence(cut)).unsupported == ()


def test_a_scale_that_the_column_has_is_not_counted_twice() -> None:
    rows = result({"revenue_million": [1.52, 3.4]})
    assert check_numbers("It made 1.52 million.", Evidence(rows)).unsupported == ()
    assert check_numbers("It made 1.52 billion.", Evidence(rows)).unsupported == ("1.52 billion",)


def test_a_small_number_of_the_sql_is_not_a_figure() -> None:
    rows = result({"mean": [4.25], "place": ["x"]})
    sql = "SELECT round(avg(a), 2) AS mean, place FROM t GROUP BY 2 ORDER BY 3"
    assert check_numbers("There are 3 of them.", Evidence(rows, "", sql)).unsupported == ("3",)
    assert check_numbers("Over 3 stars.", Evidence(rows, "", "SELECT avg(a) FROM t WHERE stars > 3")).unsupported == ()


def test_days_that_the_sql_names_are_borne_out_and_the_last_of_an_interval() -> None:
    sql = "SELECT count(*) FROM t WHERE day >= DATE '2024-02-01' AND day < DATE '2024-03-01'"
    rows = result({"n": [41]})
    assert check_numbers("41 between 1 February 2024 and 29 February 2024.", Evidence(rows, "", sql)).unsupported == ()
    assert check_numbers("41 in April 2024.", Evidence(rows, "", sql)).unsupported == ("April 2024",)


def test_days_that_the_sql_reckons_from_are_those_of_the_question() -> None:
    sql = "SELECT count(*) FROM t WHERE day >= date_trunc('month', current_date)"
    text, rows = "41 in February 2024.", result({"n": [41]})
    for today, unsupported in ((dt.date(2024, 2, 9), ()), (dt.date(2024, 6, 9), ("February 2024",))):
        evidence = Evidence(rows, "", sql, today)
        assert check_numbers(text, evidence).unsupported == unsupported


def test_numbers_of_the_question_and_the_sql_are_not_figures_of_the_answer() -> None:
    found = check_numbers(
        "In 2019, 2 regions sold more than 100.", Evidence(SALES, "regions in 2019?", "SELECT 1 WHERE x > 100")
    )
    assert found.unsupported == ()


def test_nested_values_are_looked_into() -> None:
    rows = result({"readings": [[3.25, 4.5], [7.75]], "box": [{"kg": 12.5}, {"kg": 13.0}]})
    assert check_numbers("The readings are 4.5 and 7.75, and 12.5 kg.", Evidence(rows)).unsupported == ()
    assert check_numbers("The reading is 4.6.", Evidence(rows)).unsupported == ("4.6",)


def test_quoted_names_may_stand_in_question_sql_or_schema() -> None:
    sql = "SELECT n FROM t WHERE state = 'laid up'"
    text = 'The "reading" of “laid up” boats, in `alarms` and «hulls», is 3.'
    assert check_numbers(text, Evidence(MOMENT, "What is the reading?", sql)).unsupported == ("hulls",)
    assert (
        check_numbers(
            text, Evidence(MOMENT, "What is the reading?", sql), knows=lambda name: name == "hulls"
        ).unsupported
        == ()
    )
    assert check_numbers("The divers' minutes and the clubs' are 3.", Evidence(MOMENT)).unsupported == ()


def test_a_currency_that_nothing_names_is_not_borne_out() -> None:
    assert check_numbers("It made $1,234,567.89.", Evidence(SALES)).unsupported == ("$1,234,567.89",)
    assert check_numbers("It made €1,234,568.", Evidence(SALES, "revenue in euros?")).unsupported == ()
    assert check_numbers("It made €1,234,568.", Evidence(SALES, "revenue in Europe?")).unsupported == ("€1,234,568",)


@pytest.mark.parametrize(
    ("text", "question", "shown"),
    [
        ("It made $1,234,568 in 2 regions.", "revenue?", "It made 1,234,568 in 2 regions."),
        ("It made -$ 12 and €1.5 million, $5%.", "revenue?", "It made -12 and 1.5 million, 5%."),
        ("It made $12, or €11.", "revenue in dollars?", "It made $12, or 11."),
        ("Es sind 1.234,56 €.", "Umsatz?", "Es sind 1.234,56."),
        ("São R$ 12 e US$5.", "receita?", "São 12 e 5."),
        ("No figure, only a $ sign.", "revenue?", "No figure, only a $ sign."),
    ],
)
def test_the_sign_of_a_currency_that_nothing_names_is_left_out(text: str, question: str, shown: str) -> None:
    assert drop_unnamed_currencies(text, Evidence(SALES, question)) == shown


@pytest.mark.parametrize(
    ("text", "unfounded"),
    [
        ("The average is 87.40, and 5 are open.", ("87.40", "5")),
        ("Three orders are open.", ("Three",)),
        ("The top 10 cannot be told: there is no price.", ()),
        ("The data ends on 31 March 2024, so 2025 is not in it.", ("2025",)),
        ("There is no column for profit in orders_2024.", ()),
        ("The data covers 2022, 2023 and the beginning of 2024.", ()),
    ],
)
def test_text_without_a_query_may_only_use_known_figures(text: str, unfounded: tuple[str, ...]) -> None:
    assert find_unfounded_figures(text, "What are the top 10 orders?", "orders_2024 2022-01-01 2024-03-31") == unfounded


CELLS = st.one_of(
    st.integers(-(2**62), 2**62),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12),
    st.floats(width=64),
    st.dates(dt.date(1, 1, 1)),
    st.datetimes(dt.datetime(1900, 1, 1)),
    st.times(),
    st.booleans(),
    st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="'\"`“”„«»「」‘’"), max_size=60),
    st.none(),
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_sentence_that_code_makes_is_always_borne_out(data: st.DataObject) -> None:
    columns: dict[str, list[Any]] = {}
    rows = data.draw(st.integers(1, 4))
    for at in range(data.draw(st.integers(1, 4))):
        cell = data.draw(CELLS)
        columns[f"c{at}"] = [cell, *[None] * (rows - 1)]
    table = result(columns, truncated=data.draw(st.booleans()))
    text = describe_rows(table)
    assert check_numbers(text, Evidence(table)).unsupported == (), text


def test_few_wrong_figures_are_grounded_by_chance() -> None:
    dice = random.Random(5)
    tried = wrong = 0
    for _ in range(250):
        count = dice.choice((1, 2, 3, 5, 8, 12, 20, 40))
        names = [f"Place{chr(65 + at % 26)}" for at in range(count)]
        values = [round(dice.lognormvariate(7, 1.2), 2) for _ in range(count)]
        calls = [dice.randint(1, 900) for _ in range(count)]
        rows = result({"place": names, "amount": values, "calls": calls})
        off = values[0] * dice.uniform(1.02, 1.6)
        for figure in (f"{off:,.2f}", f"{dice.uniform(10, 100):.1f}%", f"{dice.randint(100, 999)}", f"{off:,.0f}"):
            tried += 1
            found = check_numbers(f"{names[0]} made {figure}, and {names[-1]} made {values[-1]:,.2f}.", Evidence(rows))
            wrong += any(one.text == figure for one in found.basis)
    assert wrong / tried < 0.02


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "1,", "1.", "1 234,5 ", "two ", "A1-", '"ab', "1 March 2025 ", "1-", "$ 1", "'", "march ",
     "1:", "1 percent ", "«a", "a@a.", "1e5", "3月"],
)  # fmt: skip
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    start = time.perf_counter()
    check_numbers(text, Evidence(SALES))
    find_unfounded_figures(text, "?")
    drop_unnamed_currencies(text, Evidence(SALES))
    assert time.perf_counter() - start < 3


def test_figures_are_looked_for_in_a_bounded_part_of_the_rows() -> None:
    many = result({"n": list(range(MAX_CHECKED_VALUES + 1000)), "t": ["7 x"] * (MAX_CHECKED_VALUES + 1000)})
    found = check_numbers(f"It is 9,345, {MAX_CHECKED_VALUES + 500} or {MAX_CHECKED_CELLS // 2 - 1}.", Evidence(many))
    assert found.unsupported == (f"{MAX_CHECKED_VALUES + 500}",)
    nested = result({"n": [[None] * 499] * 2000, "m": [5] * 2000})
    assert check_numbers("It is 5, of 2000 rows.", Evidence(nested)).unsupported == ()


@pytest.mark.alone
@pytest.mark.parametrize("cell", ["7, " * 30_000, "12.5 " * 20_000, "2024-01-02 " * 9000, "9" * 100_000, "$" * 100_000])
def test_checking_takes_no_longer_for_many_figures_and_long_texts(cell: str) -> None:
    long = result({"t": [cell] * 200})
    text = "In March 2024 it was 12.5% of $1,234, and 77 on 2024-05-06. " * 300
    started = time.perf_counter()
    evidence = Evidence(long, "how many?", "SELECT 1")
    for _ in range(2):
        assert check_numbers(text, evidence).numbers == 1500
        drop_unnamed_currencies(text, evidence)
    assert time.perf_counter() - started < 15


def test_what_a_text_cell_holds_bears_out_a_figure() -> None:
    cells = result({"t": ["Route 66, exit 12.5", "v1.2.3", "built 2019-04-30", None]})
    text = "Route 66 at 12.5, 1.2 and 2.3, in April 2019, on 2019-04-30, not 6, 12.55 or May 2019."
    assert check_numbers(text, Evidence(cells)).unsupported == ("6", "12.55", "May 2019")


@pytest.mark.alone
def test_a_large_result_takes_no_long_time() -> None:
    dice = random.Random(3)
    wide = result({f"c{at}": [dice.random() * 1000 for _ in range(1000)] for at in range(60)})
    texts = result({f"c{at}": [f"No {dice.randint(1, 9999)} of 2025-01-02" for _ in range(1000)] for at in range(20)})
    nested = result({"x": [[dice.random() for _ in range(500)] for _ in range(1000)]})
    text = ", ".join(f"{dice.random() * 1000:.2f}" for _ in range(100)) + " on 1 March 2025"
    for rows in (wide, texts, nested):
        start = time.perf_counter()
        check_numbers(text, Evidence(rows))
        assert time.perf_counter() - start < 3


@pytest.mark.parametrize(
    "text", ["http://203.0.113.9/x", "http://127.0.0.1:80", "1..2", "...5", "1.,2", "1,,2", ".", "²"]
)
def test_marks_between_digits_come_to_an_end(text: str) -> None:
    assert all(any(sign.isdecimal() for sign in figure.text) for figure in find_figures(text))


MONTHS = Result(
    (ResultColumn("month", "VARCHAR"), ResultColumn("price", "DOUBLE")),
    pa.table({"month": ["jan", "feb", "mar", "apr", "may"], "price": [10.5, 12.25, 14.75, 11.125, 13.0]}),
    False,
)


@pytest.mark.parametrize(
    ("sentence", "unsupported"),
    [
        ("The average price per month is 11.125.", ("11.125",)),
        ("The average price is 13.0 in may, and 11.125 in apr.", ()),
        ("In apr the price was 11.125.", ()),
        ("The highest price was 14.75.", ()),
        ("It began with 10.5.", ()),
        ("The mean of the months is 12.325.", ()),
    ],
)
def test_the_figure_of_one_row_is_not_that_of_all(sentence: str, unsupported: tuple[str, ...]) -> None:
    assert check_numbers(sentence, Evidence(MONTHS)).unsupported == unsupported


@pytest.mark.parametrize(
    ("sentence", "question", "unsupported"),
    [
        ("There are 2 customers living in Oslo.", "And in Bergen?", ("Oslo",)),
        ("There are 2 customers living in Bergen.", "And in Bergen?", ()),
        ("There are 2 customers living in Oslo.", "And in oslo?", ()),
        ("There are 2 open orders.", "And in Bergen?", ()),
        ("Oslo is not Bergen: 2.", "And in Bergen?", ()),
    ],
)
def test_a_stored_name_must_be_of_this_question(sentence: str, question: str, unsupported: tuple[str, ...]) -> None:
    two = Result((ResultColumn("n", "BIGINT"),), pa.table({"n": [2]}), False)
    stored = [name for name in ("Oslo", "Bergen", "open") if name in sentence]
    found = check_numbers(sentence, Evidence(two, question, "SELECT count(*) AS n"), find_stored=lambda text: stored)
    assert found.unsupported == unsupported
