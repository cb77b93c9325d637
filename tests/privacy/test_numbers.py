"""Phone numbers in texts."""

from __future__ import annotations

import re

import pytest

from tap_callhistory.privacy.numbers import MASKED_NUMBER, mask_numbers, replace_numbers
from tap_callhistory.privacy.pseudonyms import Pseudonyms

NUMBERS = [
    "09120822930",
    "+989120822930",
    "+98 912 082 2930",
    "(0912) 082-2930",
    "0912.082.2930",
    "00998-99-999-59-98",
    "999995998",
    "۰۹۱۲۰۸۲۲۹۳۰",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_phone_number_is_masked(number: str) -> None:
    assert mask_numbers(f"no route to {number}, call it") == (
        f"no route to {MASKED_NUMBER}, call it"
    )
    assert mask_numbers(number) == MASKED_NUMBER
    assert not re.search(r"\d", mask_numbers(f"<sip:{number}@host>tel{number}"))


@pytest.mark.parametrize(
    "text",
    [
        "2018-11-20T14:24:46.206000Z",
        "window 2018-11-20T14:24:46.206+03:30 to 2018-11-21T00:00:00Z",
        "page 5 2026-01-13 17:54:36 2026-01-14 17:54:36",
        "[2018-05-26, 2018-10-03)",
        "2018-05-27T21%3A30%3A54%2B00%3A00",
        "b80b0aa3-51e0-481a-a9df-3341e2778f09",
        "12345678-1234-1234-1234-123456789012",
        "1839 calls of 2500000, 60 requests, 3 retries, 300 s",
        "1,234,567,890 bytes",
        "http://127.0.0.1:45678/calls and 192.168.100.200",
        "took 123.4567891 s, 0.123456789 s",
        "kavenegar_calls HTTP 429, code 6451010",
    ],
)
def test_times_ids_counts_and_addresses_are_not_masked(text: str) -> None:
    assert mask_numbers(text) == text


@pytest.mark.parametrize("number", [*NUMBERS, "8130590"])
def test_data_hide_numbers_of_seven_digits_and_more(number: str) -> None:
    assert replace_numbers(f"x{number}y", lambda _: "*") == "x*y"


@pytest.mark.parametrize(
    "between",
    [
        *("\u202f", "\u2009", "\t", "\n", "\r\n", "_", "\u200e", "\u200f", "\u200c", "\u2068"),
        *("\xa0", "\xad", "\xb7", "\u2011", "\u2013", "\u2212", "\ufeff", "\u061c"),
        *("  -  ", " \u2013 ", " / ", "__", " . . . ", ") - ("),
    ],
)
@pytest.mark.parametrize("number", ["0912{0}082{0}29{0}30", "+98{0}912{0}0822930"])
def test_a_number_is_hidden_whatever_stands_between_its_digits(number: str, between: str) -> None:
    number = number.format(between)
    pseudonym = Pseudonyms("k", "IR")
    hidden = pseudonym("09120822930")
    assert replace_numbers(f"tel:{number}, or", pseudonym) == f"tel:{hidden}, or"
    assert mask_numbers(f"tel:{number}, or") == f"tel:{MASKED_NUMBER}, or"


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "\t", "_", " - ", "\n - "])
def test_numbers_side_by_side_are_hidden_each_by_itself(between: str) -> None:
    pseudonym = Pseudonyms("k", "IR")
    first, second = pseudonym("09120822930"), pseudonym("+989120822931")
    text = f"09120822930{between}00989120822931"
    assert replace_numbers(text, pseudonym) == f"{first}{between}{second}"
    plus = f"+989120822930{between}+989120822931"
    assert replace_numbers(plus, pseudonym) == f"{first}{between}{second}"


def test_numbers_in_groups_on_lines_are_hidden_each_by_itself() -> None:
    pseudonym = Pseudonyms("k", "IR")
    text = "0912 082 2930\n(0912) 082-2931\n2018-11-20"
    first, second = pseudonym("09120822930"), pseudonym("09120822931")
    assert replace_numbers(text, pseudonym) == f"{first}\n({second}\n2018-11-20"


def test_numbers_that_cannot_be_told_apart_leave_nothing_in_clear() -> None:
    for text in ("0912 082 2930 0912 082 2931", "0912\n082 2930\n0912\n082 2931"):
        assert replace_numbers(text, lambda _: "*") == "*"


def test_data_keep_dates_and_uuids() -> None:
    for between in (" ", "\n", "\t", "_", "\u200e", "  "):
        text = between.join((
            "8",
            "2018-11-20 14:24:46.206",
            "12345678-1234-1234-1234-123456789012",
            "8",
        ))
        assert replace_numbers(text, lambda _: "*") == text
        assert replace_numbers(f"09120822930{between}{text}", lambda _: "*").startswith("*")


@pytest.mark.parametrize(
    "text",
    [
        "b80b0aa3-51e0-481a-a9df-3341e2778f09.mp3",
        "call_B80B0AA3-51E0-481A-A9DF-3341E2778F09_175.wav",
        "b80b0aa351e0481aa9df33412778809f",
        "rec-5bf3e01912345678901234ab.mp3",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "order-1",
        "2018-11-20_175.mp3",
    ],
)
def test_data_keep_plain_ids_and_files_named_by_them(text: str) -> None:
    assert replace_numbers(text, lambda _: "*") == text
    assert mask_numbers(text) == text
    assert replace_numbers(f"{text}, 09120822930", lambda _: "*") == f"{text}, *"


@pytest.mark.parametrize("text", ["a09120822930b", "123456789012345678901234", "xa1234567b"])
def test_what_only_resembles_an_id_is_hidden(text: str) -> None:
    assert "*" in replace_numbers(text, lambda _: "*")


@pytest.mark.parametrize("number", ["2018-11-2009120", "2018-11-20-12", "+2018-11-20"])
def test_a_number_that_only_begins_like_a_date_is_hidden(number: str) -> None:
    assert replace_numbers(number, lambda _: "*") == "*"


def test_replacing_takes_time_in_proportion_to_the_text() -> None:
    for hostile in (
        *("1 " * 200_000, "1" * 400_000, "1-2018-11-20" * 40_000, "(+" * 200_000),
        *(" " * 400_000, "1" + " " * 400_000, "1_________" * 40_000, "+ " * 200_000),
        *("1234567a" * 50_000, "1-a" * 100_000),
        *("123456\u200e" * 60_000 + "x", "1234567\n" * 50_000, ("1234567\n" * 9 + "1\n") * 9_000),
    ):
        mask_numbers(hostile)
        replace_numbers(hostile, lambda _: "*")
