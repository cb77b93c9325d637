from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from tap_callhistory.privacy.logs import Redactor, redact_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = 's3cr3t/with "signs" & spaces'


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Capture what a handler writes, and put logging back as it was."""
    factory, written = logging.getLogRecordFactory(), io.StringIO()
    handler = logging.StreamHandler(written)
    logging.getLogger("somebody.else").addHandler(handler)
    yield written
    logging.getLogger("somebody.else").removeHandler(handler)
    logging.setLogRecordFactory(factory)


def warn(message: object, *args: object, **options: object) -> None:
    logging.getLogger("somebody.else").warning(message, *args, **options)  # type: ignore[arg-type]


def knowing(*secrets: str, mask_numbers: bool = False) -> Redactor:
    redactor = Redactor(mask_numbers=mask_numbers)
    for secret in secrets:
        redactor.add(secret)
    return redactor


@pytest.mark.parametrize(
    "form", [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), json.dumps(SECRET)]
)
def test_a_configured_secret_is_hidden_in_every_form(form: str) -> None:
    assert "s3cr3t" not in knowing(SECRET).redact(f"asked with {form}, in vain")


def test_a_secret_is_hidden_whichever_case_its_percent_codes_are_in() -> None:
    for form in ("a%2Fb-c%2Fd", "a%2fb-c%2fd"):
        assert knowing("a/b-c/d").redact(f"asked with {form}") == "asked with ***"


@given(st.text(min_size=4), st.text(), st.text())
def test_a_configured_secret_is_hidden_anywhere(secret: str, before: str, after: str) -> None:
    if "*" not in secret:
        assert secret not in knowing(secret).redact(f"{before}{secret}{after}")


def test_a_secret_that_contains_another_is_hidden_whole() -> None:
    assert knowing("abcd", "abcdefgh").redact("abcdefgh abcd") == "*** ***"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdef", "Authorization: ***"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=***"),
        ("{'Authorization': 'Bearer 97ade06a-e09a'}", "{'Authorization': '***'}"),
        ("sent bearer 97ade06a-e09a.x", "sent bearer ***"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln!", "token ***!"),
        ("GET /x?access_token=97ade&page=2", "GET /x?access_token=***&page=2"),
        ('{"accessToken": "97ade", "id": 1}', '{"accessToken": "***", "id": 1}'),
        ('{"password":"two \\" words"}', '{"password":"***"}'),
        ("password: hunter2", "password: ***"),
        ("sip_pass=hunter&otp=123456", "sip_pass=***&otp=***"),
        ("https://me:hunter2@example.com/x", "https://***@example.com/x"),
    ],
)
def test_what_is_shaped_like_a_credential_is_hidden(text: str, clean: str) -> None:
    assert knowing().redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kavenegar.api_token: is missing",
        "check the bearer token; the authorization failed",
        "twin.password is required where twin.token is not given",
        "tokenizer=fast, keyboard: qwerty123456789",
        "bypass=1, option: shipping123, pinned=2",
        "at 2018-11-20T14:24:46.206000Z: 1839 calls, https://api.kavenegar.io/user/v1/calls",
        'METRIC: {"metric": "record_count", "value": 1839, "tags": {"stream": "utel"}}',
        "write to me@example.com",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert knowing().redact(text) == text


def test_numbers_are_masked_only_where_asked() -> None:
    assert knowing().redact("call 09120822930") == "call 09120822930"
    assert knowing(mask_numbers=True).redact("call 09120822930") == "call [number]"


def test_redacting_takes_time_in_proportion_to_the_text() -> None:
    for hostile in (
        "a=" * 50_000,
        "token:" * 50_000,
        "bearer " * 50_000,
        "eyJ" * 80_000,
        "a" * 200_000,
    ):
        knowing("secret").redact(hostile)


def test_every_librarys_log_is_redacted(log: io.StringIO) -> None:
    redact_logging(knowing(SECRET))
    warn("asked %s with %s", "politely", SECRET)
    assert log.getvalue() == "asked politely with ***\n"


def fail(reason: str) -> None:
    raise ValueError(f"it was {reason}") from KeyError(reason)


def test_exceptions_in_the_log_are_redacted_with_their_causes(log: io.StringIO) -> None:
    redact_logging(knowing("s3cr3t"))
    try:
        fail("s3cr3t")
    except ValueError:
        warn("failed", exc_info=True)
    assert "s3cr3t" not in log.getvalue()
    assert "KeyError: '***'" in log.getvalue()
    assert "ValueError: it was ***" in log.getvalue()


class Keeping(logging.Handler):
    """Keeps the records that reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_a_record_with_nothing_to_hide_keeps_its_arguments(log: io.StringIO) -> None:
    redact_logging(knowing("s3cr3t"))
    keeping = Keeping()
    logging.getLogger("somebody.else").addHandler(keeping)
    try:
        fail("nothing special")
    except ValueError:
        warn("METRIC: %s", {"value": 1839}, exc_info=True)
    logging.getLogger("somebody.else").removeHandler(keeping)
    assert keeping.records[0].msg == "METRIC: %s"
    assert keeping.records[0].args == {"value": 1839}
    assert keeping.records[0].exc_info is not None
    assert "nothing special" in log.getvalue()


def test_a_handler_that_formats_exceptions_itself_is_given_none_with_a_secret() -> None:
    factory, keeping = logging.getLogRecordFactory(), Keeping()
    logging.getLogger("somebody.else").addHandler(keeping)
    redact_logging(knowing("s3cr3t"))
    try:
        fail("s3cr3t")
    except ValueError:
        warn("failed", exc_info=True)
    logging.setLogRecordFactory(factory)
    logging.getLogger("somebody.else").removeHandler(keeping)
    (record,) = keeping.records
    assert record.exc_info is None
    assert "it was ***" in str(record.exc_text)


def test_arguments_that_do_not_fit_the_message_are_redacted_too(log: io.StringIO) -> None:
    redact_logging(knowing("s3cr3t"))
    warn("%d and %s", "s3cr3t")
    assert "s3cr3t" not in log.getvalue()
    assert "%d and %s" in log.getvalue()


def test_installing_twice_redacts_once_by_the_newer(log: io.StringIO) -> None:
    factory = logging.LogRecord
    logging.setLogRecordFactory(factory)
    for secret in ("first", "second"):
        redact_logging(knowing(secret))
    warn("first second")
    assert log.getvalue() == "first ***\n"
    assert getattr(logging.getLogRecordFactory(), "make", None) is factory
