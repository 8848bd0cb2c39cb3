"""Where the table is in a grid: how a text is split, what is a title, a header, units, a note or the header again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nl2sql.importing.delimiters import Record, find_delimiter, find_quote, split_lines
from nl2sql.importing.import_names import clean_column_name, name_columns
from nl2sql.importing.layout import Layout, find_layout, is_table, is_total

ROWS = ["Kiel|5|2024-01-31", "Bonn|7|2024-02-01", "Gent|9|2024-02-02"]
NAMES = "city|visits|day"


def find(*lines: str, header: int | None = None) -> Layout:
    return find_layout(split_lines([f"{line}\n" for line in lines], "|"), header=header)


@pytest.mark.parametrize(
    ("above", "line", "left_out"),
    [
        ([NAMES], 1, []),
        (["Visits of 2024", NAMES], 2, ["a title above the table"]),
        (["Visits of 2024", "", NAMES], 3, ["a title above the table"]),
        (["Visits of 2024||", "by city||", "", NAMES], 4, ["a title above the table"] * 2),
        ([NAMES, "|people|"], 1, ["units below the header"]),
        ([], 0, []),
    ],
)
def test_the_header_is_found_below_titles_and_above_units(above: list[str], line: int, left_out: list[str]) -> None:
    layout = find(*above, *ROWS)
    assert layout.header_line == line
    assert layout.header == (tuple(NAMES.split("|")) if line else ())
    assert layout.width == 3
    assert [one.reason for one in layout.left_out] == left_out


@pytest.mark.parametrize(
    ("lines", "header"),
    [
        (["city|2021|2022", "Kiel|5|7", "Bonn|8|3", "Gent|1|9"], ("city", "2021", "2022")),
        (["city|1|2|3", "Kiel|5|7|2", "Bonn|8|3|1", "Gent|1|9|4"], ("city", "1", "2", "3")),
        (["Kiel|5|7", "Bonn|8|3", "Gent|1|9"], ()),
        (["|2023||2024|", "city|plan|actual|plan|actual", "Kiel|5|7|2|1", "Bonn|8|3|1|2"],
         ("city", "2023 plan", "2023 actual", "2024 plan", "2024 actual")),
        (["|north||south|", "day|in|out|in|out", "2024-01-31|5|7|2|1", "2024-02-01|8|3|1|2"],
         ("day", "north in", "north out", "south in", "south out")),
        (["city||visits", "Kiel|x|7", "Bonn|y|3"], ("city", "", "visits")),
    ],
)  # fmt: skip
def test_the_names_are_those_of_the_file(lines: list[str], header: tuple[str, ...]) -> None:
    assert find(*lines).header == header


def test_titles_may_be_as_many_as_the_rows_where_an_empty_line_parts_them() -> None:
    lines = ["Visits", "by city", "of 2024", "", NAMES, *ROWS[:2]]
    assert find_delimiter([f"{line}\n" for line in lines]) == "|"
    assert find(*lines).header_line == 5


def test_one_text_above_numbers_makes_no_header_where_the_rest_are_values() -> None:
    assert find("2024-01-31|12.5|about 7", "2024-02-01|11.25|8", "2024-02-02|3.5|9").header == ()
    assert find("2024-01-31|when|about", "2024-02-01|11.25|8", "2024-02-02|3.5|9").header != ()


def test_notes_and_the_header_again_are_left_out() -> None:
    layout = find(NAMES, *ROWS, NAMES, *ROWS[:1], "", "Source: Statistical office")
    assert [(one.record.line, one.reason) for one in layout.left_out] == [
        (5, "the header again"),
        (8, "a note below the table"),
    ]


def test_the_owner_says_where_the_header_is() -> None:
    assert find("a|b", "c|d", "e|f", header=2).header == ("c", "d")
    assert find("a|b", "c|d", header=0).header == ()


def test_a_header_that_nothing_proves_is_told() -> None:
    assert not find(NAMES, *ROWS).doubts
    assert "taken for the header" in find("Kiel 1|Bonn 2", "Gent three|Brno four", "Cork|Varna five").doubts[0]


@pytest.mark.parametrize(
    ("lines", "sign"),
    [
        (["a,b", "1,2", "3,4"], ","),
        (["a;b", "1,5;2,5", "3,25;4"], ";"),
        (["a\tb", "1, 2\t3", "4\t5"], "\t"),
        (["a|b|c", "1|2,5|3", "1|2,5", "4|5,5|6"], "|"),
        (["Report", "", "a;b", "1;2", "3;4"], ";"),
        (["374,81\t10,83\t95,71", "18,30\t6,94\t4,14", "1,58\t7,2\t15,3"], "\t"),
        (["price", "1,5", "2,25", "12,5"], ""),
        (["day", "Mar 5, 2024", "Apr 7, 2024"], ""),
        (["name", "Kiel", "Bonn"], ""),
        (["remark", "good, but late", "bad", "so, so"], ""),
    ],
)
def test_the_delimiter_is_the_sign_between_cells(lines: Sequence[str], sign: str) -> None:
    assert find_delimiter([f"{line}\n" for line in lines]) == sign


@pytest.mark.parametrize(
    ("lines", "quote", "escape"),
    [
        (['"a","b"', '"say ""x""","1"'], '"', '"'),
        (['"a","b"', r'"say \"x\" now","1"'], '"', "\\"),
        (['"a","say \\"x\\""', '"1","2"'], '"', "\\"),
        (["'a';'b'", "'it';'1'"], "'", "'"),
        (["'a';'the \"best\"'", "'it';'1'"], "'", "'"),
        (['"path","n"', '"C:\\","1"'], '"', '"'),
        (["it's,a", "that's,b"], '"', '"'),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_quote_is_the_sign_around_cells(lines: Sequence[str], quote: str, escape: str, end: str) -> None:
    assert find_quote([f"{line}{end}" for line in lines]) == (quote, escape)


def test_a_record_counts_its_first_line() -> None:
    records = split_lines(['"a\n', 'b",c\n', "\n", "1,2\n"], ",")
    assert [(record.line, record.cells) for record in records] == [(1, ("a\nb", "c")), (3, ()), (4, ("1", "2"))]


@pytest.mark.parametrize("text", ["Total", "TOTAL:", "Summe", "Grand total", "合计", "Итого"])
def test_words_for_totals(text: str) -> None:
    assert is_total(text)


@pytest.mark.parametrize("text", ["Totally", "Summer", "Kiel", ""])
def test_words_that_are_no_totals(text: str) -> None:
    assert not is_total(text)


def test_a_block_is_a_table_where_names_stand_above_values() -> None:
    assert is_table([Record(1, ("a", "b")), Record(2, ("x", "1")), Record(3, ("y", "2"))])
    assert not is_table([Record(1, ("only a remark",)), Record(2, ("and another",))])


def test_names_are_there_and_different() -> None:
    names = name_columns(("a", "A", "", " b\nc ", "column3", "\u200b"), 7, clean_column_name)
    assert names == ["a", "A_2", "column3_2", "b c", "column3", "column6", "column7"]
