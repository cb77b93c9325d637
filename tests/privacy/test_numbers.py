from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_callhistory.privacy.numbers import (
    MASKED_NUMBER,
    Pseudonyms,
    is_credential,
    mask_numbers,
    names_number,
    replace_numbers,
    scrub,
)

CREDENTIALS = [
    "accessToken",
    "access_token",
    "token",
    "TOKEN",
    "refreshTokens",
    "accesstoken",
    "password",
    "passWord",
    "user-password",
    "passwd",
    "pwd",
    "clientSecret",
    "secret",
    "apiKey",
    "api_key",
    "api-key",
    "X-Api-Key",
    "APIKey",
    "apikey",
    "Authorization",
    "credential",
    "awsCredentials",
    "privateKey",
    "access_key",
    "accesskey",
    "shop_key",
    "set-cookie",
    "jwt",
    "oauth2token",
    "pass",
    "sip_pass",
    "sipPass",
    "SIP-PASS",
    "passcode",
    "passCode",
    "voicemail_passcode",
    "passphrase",
    "pass_phrase",
    "secretkey",
    "secret_key",
    "clientSecretKey",
    "otp",
    "otpCode",
    "pin",
    "userPin",
    "apiKEYs",
    "accessTOKENs",
]
HARMLESS = [
    "",
    "id",
    "tokenizer",
    "keyboard",
    "key",
    "monkey",
    "secretary",
    "author",
    "compass",
    "bypass",
    "passenger",
    "passed",
    "passive",
    "pinned",
    "pinging",
    "spin",
    "shipping",
    "option",
    "optional",
    "optIn",
    "callIDs",
    "URLs",
    "URLsafe",
    "call_key_pressed",
    "finishReason",
    "svcID",
    "username",
]
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

texts = st.text(max_size=20)
keys = st.one_of(texts, st.sampled_from(CREDENTIALS + HARMLESS))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=20,
)


def nested(levels: int, innermost: Any) -> Any:
    value = innermost
    for _ in range(levels):
        value = {"inner": [value]}
    return value


def scrubbed_plainly(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: scrubbed_plainly(item) for key, item in value.items() if not is_credential(key)
        }
    return [scrubbed_plainly(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("key", CREDENTIALS)
def test_a_key_that_says_credential_is_one(key: str) -> None:
    assert is_credential(key)
    assert is_credential("call" * 100 + "_" + key)


@pytest.mark.parametrize("key", HARMLESS)
def test_a_key_that_only_sounds_like_a_credential_is_none(key: str) -> None:
    assert not is_credential(key)


@pytest.mark.parametrize(
    "key", ["phone", "callerPhone", "external_number", "msisdn", "userName", "src", "callees"]
)
def test_a_key_that_names_a_number_is_known(key: str) -> None:
    assert names_number(key)


@pytest.mark.parametrize("key", ["id", "status", "finish_reason", "source", "numbering", "text"])
def test_a_key_that_names_no_number_is_known(key: str) -> None:
    assert not names_number(key)


@settings(deadline=None)
@given(values)
def test_scrubbing_takes_out_the_credentials_and_nothing_else(value: Any) -> None:
    before = json.dumps(value)
    assert scrub(value) == scrubbed_plainly(value)
    assert json.dumps(value) == before


def test_a_value_without_credentials_is_not_copied() -> None:
    value = {"caller": {"id": 175}, "tags": ["a"]}
    assert scrub(value) is value


def test_scrubbing_reaches_a_hundred_thousand_levels_down() -> None:
    value = scrub(nested(100_000, {"accessToken": "97ade06a", "id": 175}))
    for _ in range(100_000):
        value = value["inner"][0]
    assert value == {"id": 175}


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


@settings(deadline=None)
@given(st.one_of(st.text(), st.from_regex(r"[+0-9 ()./-]{1,30}", fullmatch=True)))
def test_any_text_has_a_stable_pseudonym_or_is_blank(number: str) -> None:
    once = Pseudonyms("k", "VN")(number)
    assert once == Pseudonyms("k", "VN")(number)
    assert re.fullmatch(r"[0-9a-f]{64}", once) or not number.strip()


def test_lone_surrogates_and_endless_numbers_have_pseudonyms() -> None:
    assert len(Pseudonyms("k", "VN")("\ud800")) == 64
    assert len(Pseudonyms("k", "VN")("9" * 1_000_000)) == 64
