"""Numbers with their rounding, minus signs and decimal commas."""

from __future__ import annotations

import pytest

from doublecode.analysis.auditing.characters import plain_characters
from doublecode.analysis.auditing.printed_numbers import Printed, Span
from doublecode.analysis.auditing.tokens import Kind, has_decimal_comma, tokens_of


def numbers(text: str) -> list[str]:
    tokens = tokens_of(plain_characters(text))
    return [token.number.text for token in tokens if token.kind is Kind.NUMBER and token.number is not None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("= −0.83", ["-0.83"]),
        ("= - 451.37", ["-451.37"]),
        ("(– 0.05, p", ["-0.05"]),
        ("ages 14–18", ["14", "18"]),
        ("PHQ-9 was 6", ["9", "6"]),
        ("[−11.41 to −3.87]", ["-11.41", "-3.87"]),
        ("0.10-0.38", ["0.10", "0.38"]),
        ("p = .03", ["0.03"]),
        ("N = 1,204 of 2,000", ["1204", "2000"]),
        ("F(2,105) = 3.11", ["2", "105", "3.11"]),
        ("t = 2,31; p = ,032", ["2.31", "0.032"]),
        ("F(2; 135) = 2,339", ["2", "135", "2.339"]),
        ("F32.0 and F33.1", []),
        ("b = \u22120.24\u00a0kg", ["-0.24"]),
    ],
)
def test_numbers(text: str, found: list[str]) -> None:
    assert numbers(text) == found


def test_plain_characters_keep_every_place() -> None:
    text = "*t*(20)\u00a0= −2,31 ≤ 5 µ\u2009m\r\n`x`"
    assert len(plain_characters(text)) == len(text)


def test_decimal_commas() -> None:
    assert has_decimal_comma("p = 0,032")
    assert not has_decimal_comma("N = 1,204 and p = .03")
    assert not has_decimal_comma("F = 8.17, df = 2,60.3")
    assert has_decimal_comma("Das mittlere Alter der Patienten betrug 19,7 Jahre.")
    assert has_decimal_comma("1. Lob\t-,79\t-")
    assert not has_decimal_comma("as in earlier studies [1,2] and in Table 1,2")


def test_a_printed_number_stands_for_what_rounds_to_it() -> None:
    assert Printed("0.07", 0, 4).span == pytest.approx((0.065, 0.075))
    assert Printed("-3", 0, 2).span == (-3.5, -2.5)
    assert Span(-1.0, 3.0).size() == (0.0, 3.0)
    assert Span(-3.0, -1.0).size() == (1.0, 3.0)
    assert Span(0.0, 1.0).meets(Span(1.0, 2.0))
