"""From bytes to cells of text: every figure that a file holds arrives as it is printed, or is refused with its place.

Workbooks are written here as raw XML, because no library writes what other programs write.
"""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbec.ingest.text import number_of, plain, year_of

# Everything that a narrowing would turn into digits, and the other digits and numbers of Unicode.
ODD = [
    c
    for c in map(chr, range(0x80, sys.maxunicode + 1))
    if not 0xFF10 <= ord(c) <= 0xFF19
    and (
        any(d in "0123456789" for d in unicodedata.normalize("NFKC", c))
        or unicodedata.category(c) in ("No", "Nl")
    )
]

# Footnote marks ----------------------------------------------------------------------------------------


def test_no_mark_becomes_a_digit() -> None:
    wrong = []
    for mark in ODD:
        behind = number_of(f"5300{mark}")
        inside = [number_of(text) for text in (f"12{mark}34", f"{mark}34", f"{mark}")]
        years = [year_of(text) for text in (f"2015{mark}", f"201{mark}", f"20{mark}5")]
        is_kept = behind is None or (behind.value, behind.marks) == (5300, mark)
        if not is_kept or any(inside) or any(years) or plain(f"13010{mark}") == "130101":
            wrong.append((f"U+{ord(mark):04X}", behind, inside, years))
    assert len(ODD) > 1000
    assert not wrong


@pytest.mark.parametrize(
    ("text", "marks"),
    [(f"5300{mark}", mark) for mark in ("¹", "²", "¹²", "⒈", "⓪", "₁", "①", "❶", "㈠", "⑴", "⁽¹⁾", "ᵃ", "¹,²", "[1]", "(1)", "*", "[¹]")]
    + [("５３００¹", "¹"), ("5,300①", "①"), ("5 300 ②", "②"), ("5300.0¹", "¹")],
)  # fmt: skip
def test_a_mark_is_kept_beside_its_figure(text: str, marks: str) -> None:
    found = number_of(text)
    assert found is not None
    assert (found.value, found.marks) == (5300, marks)


@pytest.mark.parametrize(
    "text",
    ["10²", "10³", "5300½", "⁻5300", "5300ᵉ3", "5300⁻", "5\n300", "12\u202834", "\u202e0035", "5300㋀"],
)
def test_what_may_be_read_two_ways_is_no_figure(text: str) -> None:
    assert number_of(text) is None


@given(st.text(alphabet=[*"0123456789.,-%e ", "\u3000", "５", "．", *ODD], min_size=1, max_size=12))
def test_a_figure_has_the_digits_that_are_printed_and_no_others(text: str) -> None:
    found = number_of(text)
    if found is None:
        return
    kept = "".join(c for c in text if c not in ODD)
    plain_number = number_of(kept)
    assert plain_number is not None
    assert plain_number.value == found.value
