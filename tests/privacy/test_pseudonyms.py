"""Pseudonyms of phone numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.privacy.pseudonyms import Pseudonyms


def test_one_number_has_one_pseudonym_however_vendors_write_it() -> None:
    tehran, tashkent = Pseudonyms("k", "IR"), Pseudonyms("k", "UZ")
    written = ["09120822930", "+989120822930", "989120822930", "00989120822930", "+98 912-0822930"]
    abroad = [number for number in written if not number.startswith("091")]
    assert len({tehran(number) for number in [*written, "۰۹۱۲۰۸۲۲۹۳۰"]}) == 1
    assert {tashkent(number) for number in abroad} == {tehran(written[0])}
    assert {Pseudonyms("k", None)(number) for number in abroad} == {tehran(written[0])}
    assert tashkent("781130590") == tashkent("+998 78 113-05-90")


@pytest.mark.parametrize(
    "number",
    [
        "(+98) 912 082 2930",
        "( +98 ) 912 082 2930",
        "+98 (0) 912 082 2930",
        "+ 98 912 082 2930",
        "\uff0b989120822930",
        "00 98 912 082 29 30",
        "+98_912_082_2930",
        "+98\u202f912\u2009082\t2930",
        "+98 \u2212 912 \xb7 082 \uff0d 2930",
        "\u202a+989120822930\u202c",
        "\u2067\u200e+98\u200e 912 082 2930\u2069",
        "۰۰۹۸۹۱۲۰۸۲۲۹۳۰",
        "٠٠٩٨٩١٢٠٨٢٢٩٣٠",
        "tel:+98-912-082-2930",
        "TEL:00989120822930;phone-context=1",
        "sip:+989120822930@10.0.0.15:5060;user=phone",
        "<sips:+989120822930@pbx.example>",
        '"+989120822930"',
    ],
)
@pytest.mark.parametrize("region", ["IR", "VN", "RU", "HK", "UZ", None])
def test_the_spelling_of_an_international_number_does_not_matter_to_its_pseudonym(
    number: str, region: str | None
) -> None:
    assert Pseudonyms("k", region)(number) == Pseudonyms("k", "IR")("+989120822930")


@pytest.mark.parametrize(
    ("region", "written", "international"),
    [
        ("HK", "0085291234567", "+85291234567"),
        ("HK", "00185291234567", "+85291234567"),
        ("HK", "(+852) 9123 4567", "+85291234567"),
        ("HK", "tel:91234567", "+85291234567"),
        ("RU", "00989120001234", "+989120001234"),
        ("RU", "810989120001234", "+989120001234"),
        ("RU", "8 (916) 123-45-67", "+79161234567"),
        ("RU", "(+7) 916 123 45 67", "+79161234567"),
        ("UZ", "(+998) 90 123-45-67", "+998901234567"),
        ("UZ", "\u200e90\u200e 123 45 67", "+998901234567"),
        ("VN", "sip:0901234567@pbx", "+84901234567"),
    ],
)
def test_a_number_is_of_the_country_that_it_names_else_of_the_vendors(
    region: str, written: str, international: str
) -> None:
    assert Pseudonyms("k", region)(written) == Pseudonyms("k", None)(international)


def test_what_only_resembles_an_address_of_a_number_counts_by_its_text() -> None:
    pseudonym = Pseudonyms("k", "IR")
    for text in ("101@pbx", "sip:ali@pbx", "tel:", "user_101", '"101" x'):
        assert pseudonym(text) != pseudonym("101")
    assert pseudonym("sip:101@pbx") == pseudonym("101")
    assert pseudonym("sip:ali@pbx") != pseudonym("ali")


def test_normalising_takes_time_in_proportion_to_the_number() -> None:
    pseudonym = Pseudonyms("k", "IR")
    for hostile in ("(", "1 ", " ", "<", "tel:", "1>", "+", "\u200e"):
        for ending in ("", "x", "1", ">", "@"):
            assert len(pseudonym("1" + hostile * 200_000 + ending)) == 64
            pseudonym(hostile * 200_000 + ending)
            pseudonym("sip:" + hostile * 200_000 + ending)


def test_a_pseudonym_is_the_documented_hmac() -> None:
    # printf %s +989120822930 | openssl dgst -sha256 -hmac k
    assert Pseudonyms("k", "IR")("09120822930") == (
        "04301426215a064c5d5700314ccaf59dc4d95c63c6fa8acc74137808fa2d6e87"
    )


def test_another_key_gives_another_pseudonym() -> None:
    assert Pseudonyms("k", "IR")("09120822930") != Pseudonyms("l", "IR")("09120822930")


def test_different_numbers_have_different_pseudonyms() -> None:
    pseudonym = Pseudonyms("k", "UZ")
    assert (
        len({pseudonym(number) for number in ["100", "101", "0100", "ali", "Ali", "781130590"]})
        == 6
    )


def test_extensions_count_by_their_digits_and_names_by_their_text() -> None:
    pseudonym = Pseudonyms("k", "UZ")
    assert pseudonym("100") == pseudonym(" 1-00 ") == Pseudonyms("k", "IR")("100")
    assert pseudonym(" ali ") == pseudonym("ali")


def test_a_blank_number_stays_blank() -> None:
    assert Pseudonyms("k", "UZ")("") == ""
    assert Pseudonyms("k", "UZ")("  ") == ""


@given(st.one_of(st.text(), st.from_regex(r"[+0-9 ()./-]{1,30}", fullmatch=True)))
def test_any_text_has_a_stable_pseudonym_or_is_blank(number: str) -> None:
    once = Pseudonyms("k", "VN")(number)
    assert once == Pseudonyms("k", "VN")(number)
    assert re.fullmatch(r"[0-9a-f]{64}", once) or not number.strip()


def test_lone_surrogates_and_endless_numbers_have_pseudonyms() -> None:
    assert len(Pseudonyms("k", "VN")("\ud800")) == 64
    assert len(Pseudonyms("k", "VN")("9" * 1_000_000)) == 64
