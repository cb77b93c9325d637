from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.privacy.keys import is_credential
from tap_callhistory.privacy.pseudonyms import Pseudonyms
from tap_callhistory.records.extra import DEEPEST_LEVELS, Undocumented, storable

PSEUDONYM = Pseudonyms("key", "IR")
plain = Undocumented()
hiding = Undocumented(PSEUDONYM)

clean_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
clean_keys = clean_texts.filter(lambda key: not is_credential(key))
clean_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | clean_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(clean_keys, inner, max_size=4),
    max_leaves=20,
)
any_texts = st.text(st.characters(exclude_categories=[]), max_size=9)
any_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_texts, inner, max_size=4),
    max_leaves=20,
)
phone_numbers = st.from_regex(r"(\+?98|0)9[0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{4}", fullmatch=True)


def without_pseudonyms(text: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "", text)


@given(clean_values)
def test_what_needs_no_cleaning_is_written_as_it_came(value: Any) -> None:
    assert json.loads(plain.text(value)) == value
    assert plain.text(value) == plain.text(json.loads(plain.text(value)))


@given(any_values)
def test_whatever_comes_is_written_as_json_that_databases_take(value: Any) -> None:
    text = plain.text(value)
    msgspec.json.decode(text)
    assert "\\u0000" not in text.replace("\\\\", "")


def test_keys_are_sorted_and_no_space_is_wasted() -> None:
    assert plain.text({"b": [1, 2.5], "a": {"d": None, "c": True}}) == (
        '{"a":{"c":true,"d":null},"b":[1,2.5]}'
    )


def test_non_finite_numbers_become_text() -> None:
    assert plain.text([math.nan, math.inf, -math.inf]) == '["nan","inf","-inf"]'


def test_big_integers_keep_their_digits() -> None:
    assert plain.text({"seq": 2**70}) == '{"seq":1180591620717411303424}'


def test_keys_that_look_alike_once_cleaned_lose_nothing() -> None:
    assert plain.text({"a\0": 1, "a": 2, "a\ud800": 3}) == '{"a":1,"a (2)":2,"a (3)":3}'


def test_credentials_are_left_out_at_every_depth() -> None:
    assert plain.text({"a": [{"apiKey": "x", "id": 1}], "token": "y"}) == '{"a":[{"id":1}]}'


def test_credentials_are_left_out_of_json_within_strings() -> None:
    inner = json.dumps({"payload": json.dumps({"token": "97ade", "id": 1})})
    for text in (plain.text({"log": inner}), plain.document(inner)):
        assert "97ade" not in text
        assert "id" in text


@pytest.mark.parametrize(
    "before", ["", " ", "\n", "\r\n\t", "\ufeff", "\ufeff\n ", "\u200b", "\xa0"]
)
@pytest.mark.parametrize("after", ["", " \n", "\ufeff"])
def test_credentials_are_left_out_of_json_between_blanks(before: str, after: str) -> None:
    inner = f'{before}{{"accessToken": "97ade", "id": 1}}{after}'
    assert plain.text({"log": inner, "list": [inner]}) == (
        r'{"list":["{\"id\":1}"],"log":"{\"id\":1}"}'
    )
    assert plain.document(inner) == '{"id":1}'


@pytest.mark.parametrize("times", [1, 2, 5])
def test_credentials_are_left_out_of_json_encoded_more_than_once(times: int) -> None:
    inner = '{"accessToken": "97ade", "id": 1}'
    for _ in range(times):
        inner = f" {json.dumps(inner)}"
    for text in (plain.text({"log": inner}), plain.document(inner), hiding.text([[inner]])):
        assert "97ade" not in text
        assert "id" in text


def test_json_between_blanks_and_json_encoded_twice_stay_where_nothing_is_to_be_left_out() -> None:
    for inner in (
        ' {"b": 1}',
        '\ufeff{"b": 1}\n',
        r'"{\"b\": 1}"',
        '"a"',
        '"',
        " ",
        '" {',
        "\ufeff",
    ):
        assert json.loads(plain.text([inner])) == [inner]
        json.loads(plain.document(inner))


def test_short_numbers_in_quotes_are_hidden_under_keys_that_name_numbers() -> None:
    text = hiding.text({"callee": ['"101"', " [101]", '["101"]', '{"id": 5}']})
    assert "101" not in without_pseudonyms(text)
    assert r'"{\"id\": 5}"' in text


def test_a_credential_behind_a_repeated_key_does_not_slip_through() -> None:
    assert "97ade" not in plain.document('{"a":{"token":"97ade"},"a":1}')


@pytest.mark.parametrize("levels", [DEEPEST_LEVELS - 1, 1_000, 20_000])
def test_any_depth_is_written_and_readable_to_the_deepest_level(levels: int) -> None:
    value: Any = {"phone": "09120822930", "token": "97ade"}
    for _ in range(levels):
        value = [value]
    text = plain.text(value)
    assert "09120822930" in text
    assert "97ade" not in text
    json.loads(text)
    assert "09120822930" not in hiding.text(value)


def test_a_string_that_is_json_stays_as_it_came() -> None:
    for text in ('{"b": 1, "a": [1.50]}', "[ ]", "12", '"x"', "null"):
        assert plain.document(text) == text


def test_a_string_that_is_no_json_becomes_a_json_string() -> None:
    assert plain.document("hello") == '"hello"'
    assert plain.document("") == '""'
    assert plain.document("[" * 100_000) == f'"{"[" * 100_000}"'


def test_a_string_of_deep_json_does_no_harm_up_to_pythons_limit_and_beyond() -> None:
    for levels in range(700, 1_100):
        assert json.loads(plain.document("[" * levels + "]" * levels))
        assert json.loads(plain.document('{"a":' * levels + "1" + "}" * levels))


def test_a_string_that_is_almost_json_is_repaired() -> None:
    assert plain.document('{"a": NaN, "b": "\\ud800x\\u0000"}') == '{"a":"nan","b":"x"}'


@given(phone_numbers, clean_keys)
def test_no_number_is_left_when_numbers_are_hidden(number: str, key: str) -> None:
    bare = number.replace(" ", "").replace("-", "").removeprefix("+").removeprefix("0")
    value = {
        key: number,
        "phone": number,
        f"k{number}": [f"call {number} now", {"x": int(bare), "y": float(bare)}],
        "log": json.dumps({"to": number}),
    }
    text = without_pseudonyms(hiding.text(value))
    assert not re.search(r"\d(?:[ -]?\d){6,}", text)
    assert PSEUDONYM(number) in hiding.text(value)


def test_short_numbers_are_hidden_under_keys_that_name_numbers() -> None:
    text = hiding.text({"callee": ["101", 102, "ali", "2"], "count": 103, "name": "ali"})
    for number in ("101", "102", "ali"):
        assert f'"{PSEUDONYM(number)}"' in text
    assert '"2"]' in text
    assert '"count":103,"name":"ali"' in text


def test_hiding_keeps_times_ids_fractions_and_small_numbers() -> None:
    value = {
        "at": "2018-11-20T14:24:46.206",
        "call": "b80b0aa3-51e0-481a-a9df-3341e2778f09",
        "score": 0.123456789,
        "seq": 123_456,
    }
    assert json.loads(hiding.text(value)) == value


def test_text_without_nul_and_surrogates_is_kept_to_the_letter() -> None:
    assert storable("سلام\n\t\x01 😀") == "سلام\n\t\x01 😀"
    assert storable("a\0b\ud800c\udfffd") == "abcd"
