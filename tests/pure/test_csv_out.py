"""Cells of a table that a stranger may have written: no spreadsheet runs them, and nothing of them is lost."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopdesk import csv_out

SIGNS = "=+-@\t\r＝＋－＠"
BEFORE = " 　\t\n\"'”’"
LETTERS = st.sampled_from(SIGNS + BEFORE + "\n,;a1あ\u200b\ufeff|%")
# Postgres stores no NUL and no half of a surrogate pair.
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXTS = st.text(LETTERS | ANY, max_size=12)


def begins(cell):
    """The first sign that a program would see."""
    return cell.lstrip(BEFORE.replace("\t", "") + "\u200b\ufeff")[:1]


@pytest.mark.parametrize(
    "value",
    [
        '=HYPERLINK("http://evil.example","click")', "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1", "＋1", "－1", "＠1",
        " =1", "　＝1", '"=1', "'=1", "\ufeff=1", "\u200b=1", "\n=1", ' "　\'-2+3', "=cmd|' /C calc'!A0", "﹦1", "−1",
    ],
)  # fmt: skip
def test_what_would_run_is_text(value):
    assert csv_out.text(value) == f"'{value}"
    assert csv_out.code(value) == f"'{value}"


@pytest.mark.parametrize("value", ["", "返品=交換", "a-b", "1", "Re: =1", "'", "''", "it's", "'abc", "･=", "Q-7K3F9M"])
def test_what_is_harmless_stays_as_it_is(value):
    assert csv_out.text(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "0312345678",
        "09012345678",
        "０９０１２３４５６７８",
        "007",
        "123456789012",
        "1E5",
        "12e3",
        "1-2",
        "2026-1",
        "3/4",
        "2026.1.2",
    ],
)
def test_a_code_keeps_its_figures(value):
    assert csv_out.code(value) == f"'{value}"


@pytest.mark.parametrize("value", ["", "0", "1001", "EC-1001", "090-1234-5678", "A0012", "2026年", "100-0005"])
def test_a_code_that_a_spreadsheet_leaves_alone_is_left_alone(value):
    assert csv_out.code(value) == value


@given(TEXTS)
def test_no_cell_begins_with_what_runs(value):
    for cell in (csv_out.text(value), csv_out.code(value)):
        assert cell.startswith("'") or begins(cell) not in {*SIGNS} or not cell


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_a_reader_gets_the_values_back(values):
    written = csv_out.lines([[csv_out.text(value) for value in values]])
    assert written.endswith("\r\n")
    [cells] = csv.reader(io.StringIO(written, newline=""))
    # The apostrophe was added where what follows would run, and nowhere else.
    back = [cell[1:] if cell[:1] == "'" and csv_out.text(cell[1:]) != cell[1:] else cell for cell in cells]
    assert back == values


@given(TEXTS, TEXTS)
def test_two_values_never_become_one(one, other):
    assert (csv_out.text(one) == csv_out.text(other)) == (one == other)


@given(st.text(st.sampled_from("01-' Ee/=１"), max_size=5), st.text(st.sampled_from("01-' Ee/=１"), max_size=5))
def test_two_codes_never_become_one(one, other):
    assert (csv_out.code(one) == csv_out.code(other)) == (one == other)
