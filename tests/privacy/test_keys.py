"""What a key's name says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_callhistory.privacy.keys import is_credential, names_number, scrub

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
