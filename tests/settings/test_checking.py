from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import settings as drawing
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from tap_callhistory.errors import SettingsError
from tap_callhistory.settings.checking import (
    Settings,
    check,
    config_schema,
    secret_values,
)
from tap_callhistory.vendors import cinnox, etelecom, kavenegar, twin, utel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Known:
    vendor: str
    settings: dict[str, Any]


VENDORS = (
    Known("kavenegar", kavenegar.SETTINGS),
    Known("etelecom", etelecom.SETTINGS),
    Known("twin", twin.SETTINGS),
    Known("cinnox", cinnox.SETTINGS),
    Known("utel", utel.SETTINGS),
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
SENTINEL = "s3ntinel"
NO_VENDOR = (
    "No vendor is configured: give the settings of at least one of "
    "kavenegar, etelecom, twin, cinnox, utel."
)

GOOD: Mapping[str, Any] = MappingProxyType({
    "start_date": "2026-01-01T00:00:00Z",
    "kavenegar": {"api_token": "kavenegar-token"},
    "etelecom": {"api_key": "etelecom-key"},
    "twin": {"email": "user@example.com", "password": "twin password"},
    "cinnox": {"api_url": "https://hk.example.com", "app_id": "app1", "app_token": "cinnox-token"},
    "utel": {"api_url": "https://api.tenant.utel.uz/api/v1", "token": "utel-token"},
})

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def changed(**changes: Any) -> dict[str, Any]:
    """The good configuration with some settings changed, dotted by ``__``; None takes one away."""
    config = {name: dict(v) if isinstance(v, dict) else v for name, v in GOOD.items()}
    for name, value in changes.items():
        owner, _, inner = name.partition("__")
        if inner:
            config[owner][inner] = value
        else:
            config[owner] = value
    return config


def faults(config: Mapping[str, Any]) -> list[str]:
    return check(config, VENDORS, now=NOW)


def settings(config: Mapping[str, Any]) -> Settings:
    return Settings.from_config(config, VENDORS, now=NOW)


def named(schema: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in schema["properties"].items():
        yield prefix + name, each
        if "properties" in each:
            yield from named(each, f"{prefix}{name}.")


DESIGNED = {
    "start_date": None,
    "end_date": None,
    "concurrency": 4,
    "requests_per_second": None,
    "lookback_hours": 1,
    "unfinished_call_hours": 6,
    "revisit_hours": [24, 168],
    "on_bad_record": "fail",
    "on_incomplete_window": "fail",
    "phone_numbers": "keep",
    "hash_key": None,
    "request_timeout": 60,
    "max_retries": 8,
    "user_agent": None,
    "account": None,
    "shard": None,
    "sandbox": False,
    "kavenegar.api_token": None,
    "kavenegar.api_url": "https://api.kavenegar.io/user/v1",
    "kavenegar.timezone": "Asia/Tehran",
    "kavenegar.endpoint_id": None,
    "kavenegar.page_size": 1000,
    "kavenegar.requests_per_second": None,
    "etelecom.api_key": None,
    "etelecom.api_url": "https://api.etelecom.vn/v1/shop.Etelecom",
    "etelecom.hotline_ids": None,
    "etelecom.extension_ids": None,
    "etelecom.department_id": None,
    "etelecom.user_id": None,
    "etelecom.page_size": 1000,
    "etelecom.requests_per_second": None,
    "twin.email": None,
    "twin.password": None,
    "twin.token": None,
    "twin.api_url": "https://analyse.twin24.ai/api/v1",
    "twin.iam_url": "https://iam.twin24.ai/api/v1",
    "twin.company_id": None,
    "twin.task_id": None,
    "twin.date_field_parameter": None,
    "twin.page_size": 1000,
    "twin.requests_per_second": None,
    "cinnox.api_url": None,
    "cinnox.app_id": None,
    "cinnox.app_token": None,
    "cinnox.call_type": None,
    "cinnox.page_size": 500,
    "cinnox.requests_per_second": None,
    "utel.api_url": None,
    "utel.email": None,
    "utel.password": None,
    "utel.token": None,
    "utel.timezone": "Asia/Tashkent",
    "utel.external_number": None,
    "utel.type": None,
    "utel.page_size": 300,
    "utel.requests_per_second": None,
}


class TestSchema:
    def test_names_and_defaults_are_those_of_the_design(self) -> None:
        found = {
            name: each.get("default")
            for name, each in named(config_schema(VENDORS))
            if "properties" not in each
        }
        assert found == DESIGNED

    def test_every_setting_has_a_title_a_description_and_a_type(self) -> None:
        for name, each in named(config_schema(VENDORS)):
            assert each["title"], name
            assert each["description"].endswith("."), name
            assert each["type"] in {"string", "integer", "number", "boolean", "array", "object"}

    def test_exactly_the_credentials_are_secret(self) -> None:
        secret = {name for name, each in named(config_schema(VENDORS)) if each.get("secret")}
        assert secret == {
            "hash_key",
            "kavenegar.api_token",
            "etelecom.api_key",
            "twin.password",
            "twin.token",
            "cinnox.app_token",
            "utel.password",
            "utel.token",
        }

    def test_it_is_a_valid_json_schema_that_agrees_with_the_checks(self) -> None:
        schema = config_schema(VENDORS)
        Draft7Validator.check_schema(schema)
        assert Draft7Validator(schema).is_valid(dict(GOOD))
        assert not Draft7Validator(schema).is_valid(changed(twin__page_size=1001))
        assert not Draft7Validator(schema).is_valid(changed(utel={"token": "no-url"}))

    def test_examples_and_defaults_pass_the_checks(self) -> None:
        for name, each in named(config_schema(VENDORS)):
            for value in [
                *each.get("examples", []),
                *([each["default"]] if "default" in each else []),
            ]:
                owner, _, inner = name.partition(".")
                config = changed(**{f"{owner}__{inner}" if inner else owner: value})
                if name == "utel.email":
                    config["utel"]["password"] = "password"
                assert faults(config) == [], name

    def test_changing_one_copy_leaves_the_next_alone(self) -> None:
        config_schema(VENDORS)["properties"]["twin"]["properties"].clear()
        config_schema(VENDORS)["properties"]["revisit_hours"]["default"].clear()
        assert config_schema(VENDORS)["properties"]["twin"] == twin.SETTINGS
        assert config_schema(VENDORS)["properties"]["revisit_hours"]["default"] == [24, 168]

    def test_the_sdks_own_settings_are_known(self) -> None:
        assert faults(changed(stream_maps={}, flattening_enabled=True)) == []


class TestTypedView:
    def test_a_minimal_configuration_gets_the_defaults(self) -> None:
        view = settings({
            "start_date": "2026-01-01T03:30:00+03:30",
            "kavenegar": {"api_token": "t"},
        })
        assert view.start_date == datetime(2026, 1, 1, tzinfo=UTC)
        assert type(view.start_date) is datetime
        assert view.start_date.tzinfo is UTC
        assert view.end_date is None
        assert view.concurrency == 4
        assert view.requests_per_second is None
        assert view.lookback == timedelta(hours=1)
        assert view.unfinished_call == timedelta(hours=6)
        assert view.revisit_ages == (timedelta(days=1), timedelta(days=7))
        assert view.on_bad_record == "fail"
        assert view.on_incomplete_window == "fail"
        assert view.phone_numbers == "keep"
        assert view.hash_key is None
        assert view.request_timeout == 60
        assert view.max_retries == 8
        assert view.user_agent.startswith("tap-callhistory/")
        assert view.sandbox is False
        assert view.vendors == {
            "kavenegar": {
                "api_token": "t",
                "api_url": "https://api.kavenegar.io/user/v1",
                "timezone": "Asia/Tehran",
                "page_size": 1000,
            }
        }

    def test_texts_from_environment_variables_become_their_types(self) -> None:
        config = changed(
            concurrency="12",
            requests_per_second="2.5",
            lookback_hours="0.5",
            revisit_hours="[168, 24, 24]",
            max_retries="0",
            sandbox="false",
            phone_numbers="hash",
            hash_key="0123456789abcdef",
            twin='{"token": "jwt", "page_size": "7", "company_id": "9007199254740993"}',
            etelecom__hotline_ids="1150, 1151",
            etelecom__extension_ids='["1160"]',
        )
        view = settings(config)
        assert view.concurrency == 12
        assert view.requests_per_second == 2.5
        assert view.lookback == timedelta(minutes=30)
        assert view.revisit_ages == (timedelta(days=1), timedelta(days=7))
        assert view.max_retries == 0
        assert view.sandbox is False
        assert view.hash_key == "0123456789abcdef"
        assert view.vendors["twin"]["page_size"] == 7
        assert view.vendors["twin"]["company_id"] == 9007199254740993
        assert view.vendors["etelecom"]["hotline_ids"] == ["1150", "1151"]
        assert view.vendors["etelecom"]["extension_ids"] == ["1160"]

    def test_numbers_as_the_sdk_parses_them_from_files_are_taken(self) -> None:
        config = changed(lookback_hours=Decimal("1.5"), revisit_hours=[Decimal("0.5"), 2])
        view = settings(config)
        assert view.lookback == timedelta(minutes=90)
        assert view.revisit_ages == (timedelta(minutes=30), timedelta(hours=2))

    def test_a_comma_separated_list_and_an_empty_one_are_lists_of_revisits(self) -> None:
        assert settings(changed(revisit_hours="48,24")).revisit_ages == (
            timedelta(days=1),
            timedelta(days=2),
        )
        assert settings(changed(revisit_hours=[])).revisit_ages == ()

    def test_digits_given_as_a_number_stand_for_their_text(self) -> None:
        assert settings(changed(cinnox__app_id=12345)).vendors["cinnox"]["app_id"] == "12345"

    def test_blank_settings_are_as_good_as_absent_ones(self) -> None:
        config = changed(
            end_date="", concurrency=None, user_agent=" ", twin=None, utel={}, cinnox=""
        )
        config["etelecom"] = {"api_key": "", "page_size": None}
        view = settings(config)
        assert list(view.vendors) == ["kavenegar"]
        assert view.end_date is None
        assert view.concurrency == 4

    def test_the_slash_at_the_end_of_an_address_goes(self) -> None:
        view = settings(changed(cinnox__api_url="http://[::1]:8642/base/"))
        assert view.vendors["cinnox"]["api_url"] == "http://[::1]:8642/base"

    def test_a_vendors_own_budget_comes_before_the_common_one(self) -> None:
        view = settings(changed(requests_per_second=5, twin__requests_per_second=0.5))
        assert view.requests_per_second_of("twin") == 0.5
        assert view.requests_per_second_of("utel") == 5

    def test_showing_it_shows_no_credential(self) -> None:
        config = changed(hash_key=f"{SENTINEL}-0123456789", kavenegar__api_token=SENTINEL)
        assert SENTINEL not in repr(settings(config))

    def test_all_faults_are_raised_at_once(self) -> None:
        with pytest.raises(SettingsError) as raised:
            settings(changed(concurrency=0, twin__page_size=1001, start_date="yesterday"))
        assert raised.value.faults == [
            "start_date must be a date and time such as 2026-01-31T00:00:00Z.",
            "concurrency must be at least 1 and at most 32.",
            "twin.page_size must be at least 2 and at most 1000.",
        ]


class TestSandbox:
    def test_it_needs_no_vendor_and_reads_all(self) -> None:
        view = settings({"start_date": "2026-01-01T00:00:00Z", "sandbox": True})
        assert list(view.vendors) == [vendor.vendor for vendor in VENDORS]
        assert view.vendors["utel"] == {"timezone": "Asia/Tashkent", "page_size": 300}

    def test_vendors_given_choose(self) -> None:
        view = settings({
            "start_date": "2026-01-01T00:00:00Z",
            "sandbox": True,
            "twin": {"page_size": 50},
        })
        assert list(view.vendors) == ["twin"]
        assert view.vendors["twin"]["page_size"] == 50

    @pytest.mark.parametrize(
        ("vendor", "name"),
        [
            *(("kavenegar", "api_token"), ("etelecom", "api_key"), ("etelecom", "api_url")),
            *(("twin", "token"), ("twin", "email"), ("twin", "iam_url"), ("cinnox", "app_id")),
            *(("utel", "api_url"), ("utel", "token"), ("utel", "password")),
        ],
    )
    def test_a_real_account_beside_it_is_an_error_that_names_both(
        self, vendor: str, name: str
    ) -> None:
        given = {"start_date": "2026-01-01T00:00:00Z", "sandbox": True, vendor: {name: SENTINEL}}
        assert faults(given) == [
            (
                f"sandbox reads made-up calls, and {vendor}.{name} belongs to a real account: "
                "remove one of the two."
            )
        ]

    def test_what_it_does_use_is_checked(self) -> None:
        config = {"start_date": "2026-01-01T00:00:00Z", "sandbox": True, "twin": {"page_size": 1}}
        assert faults(config) == ["twin.page_size must be at least 2 and at most 1000."]


BAD_INPUT: list[tuple[dict[str, Any], str]] = [
    ({"start_date": ""}, "start_date is missing."),
    ({"start_date": SENTINEL}, "start_date must be a date and time"),
    ({"start_date": "2026-13-01T00:00:00Z"}, "start_date must be a date and time"),
    ({"start_date": 20260101}, "start_date must "),
    ({"start_date": "now"}, "start_date must be a date and time"),
    ({"start_date": "12:30"}, "start_date must be a date and time"),
    ({"start_date": "2026-W01-1T00:00:00Z"}, "start_date must be a date and time"),
    ({"start_date": "2026-001T00:00:00Z"}, "start_date must be a date and time"),
    ({"start_date": "20260101T000000Z"}, "start_date must be a date and time"),
    ({"start_date": "2026-01-01T00:00:00Z/2026-02-01T00:00:00Z"}, "start_date must be a date and"),
    ({"start_date": "2026-02-30T00:00:00Z"}, "start_date must be a date and time"),
    ({"start_date": "2026-01-01T24:00:00Z"}, "start_date must be a date and time"),
    ({"start_date": "2026-01-01T00:00:00+25:00"}, "start_date must be a date and time"),
    ({"start_date": "2026-01-01"}, "start_date must end in Z or an offset"),
    ({"start_date": "2026-01-01T00:00:00"}, "start_date must end in Z or an offset"),
    ({"start_date": "2026-06-01T00:00:01Z"}, "start_date must not lie in the future."),
    ({"start_date": "0001-01-01T00:00:00+14:00"}, "start_date must be a date and time"),
    ({"start_date": "1969-12-31T23:59:59Z"}, "start_date must not lie before 1970."),
    ({"end_date": "tomorrow"}, "end_date must be a date and time"),
    ({"end_date": "2026-01-01T00:00:00Z"}, "end_date must lie after start_date."),
    ({"end_date": "2025-12-31T23:00:00Z"}, "end_date must lie after start_date."),
    ({"concurrency": 0}, "concurrency must be at least 1 and at most 32."),
    ({"concurrency": -4}, "concurrency must be at least 1 and at most 32."),
    ({"concurrency": 33}, "concurrency must be at least 1 and at most 32."),
    ({"concurrency": 2.5}, "concurrency must be a whole number."),
    ({"concurrency": True}, "concurrency must be a whole number."),
    ({"concurrency": SENTINEL}, "concurrency must be a whole number."),
    ({"concurrency": Decimal("1e999999999")}, "concurrency must be a whole number."),
    ({"concurrency": float("inf")}, "concurrency must be a whole number."),
    ({"requests_per_second": 0}, "requests_per_second must be more than 0."),
    ({"requests_per_second": "-1"}, "requests_per_second must be more than 0."),
    ({"requests_per_second": "nan"}, "requests_per_second must be a number."),
    ({"requests_per_second": [1]}, "requests_per_second must be a number."),
    ({"requests_per_second": 10**400}, "requests_per_second must be a number."),
    ({"lookback_hours": -1}, "lookback_hours must be at least 0 and at most 8760."),
    ({"unfinished_call_hours": "long"}, "unfinished_call_hours must be a number."),
    ({"revisit_hours": [24, 0]}, "revisit_hours must be more than 0 and at most 87600."),
    ({"revisit_hours": [24, -168]}, "revisit_hours must be more than 0 and at most 87600."),
    ({"revisit_hours": [SENTINEL]}, "revisit_hours must be a number."),
    ({"revisit_hours": [1e300]}, "revisit_hours must be more than 0 and at most 87600."),
    ({"revisit_hours": "24,soon"}, "revisit_hours must be a number."),
    ({"revisit_hours": 24}, "revisit_hours must be a list."),
    ({"on_bad_record": SENTINEL}, "on_bad_record must be fail or skip."),
    ({"on_incomplete_window": SENTINEL}, "on_incomplete_window must be fail or continue."),
    ({"phone_numbers": SENTINEL}, "phone_numbers must be keep or hash."),
    ({"phone_numbers": "hash"}, "hash_key is missing: phone_numbers is set to hash."),
    (
        {"phone_numbers": "hash", "hash_key": SENTINEL},
        "hash_key must be at least 16 characters long.",
    ),
    ({"request_timeout": 0}, "request_timeout must be more than 0 and at most 3600."),
    ({"max_retries": -1}, "max_retries must be at least 0 and at most 100."),
    ({"sandbox": SENTINEL}, "sandbox must be true or false."),
    ({"user_agent": f"{SENTINEL}\r\nX-Evil: 1"}, "user_agent must not contain line breaks"),
    ({"user_agent": f"{SENTINEL} é"}, "user_agent contains characters"),
    ({"sandbx": SENTINEL}, "sandbx is not a setting; did you mean sandbox?"),
    ({"batch_config": SENTINEL}, "batch_config is not a setting."),
    ({"date_field_parameter": SENTINEL}, "did you mean twin.date_field_parameter?"),
    ({"line\nbreak": SENTINEL}, "There is a setting whose name contains control characters."),
    ({"kavenegar__api_tokn": SENTINEL}, "kavenegar.api_tokn is not a setting; did you mean "),
    ({"kavenegar__nothing_like_it": None}, "kavenegar.nothing_like_it is not a setting"),
    ({"kavenegar": SENTINEL}, "kavenegar must be an object of settings."),
    ({"kavenegar": [SENTINEL]}, "kavenegar must be an object of settings."),
    ({"kavenegar": {"page_size": 50}}, "kavenegar.api_token is missing."),
    ({"kavenegar": {"api_token": "", "page_size": 50}}, "kavenegar.api_token is missing."),
    ({"kavenegar__api_token": f"{SENTINEL}\n"}, "kavenegar.api_token must not contain line breaks"),
    ({"kavenegar__api_token": f"Bearer {SENTINEL}"}, "kavenegar.api_token must be one word"),
    ({"kavenegar__api_token": f"{SENTINEL}ü"}, "kavenegar.api_token must be one word"),
    ({"kavenegar__api_token": [SENTINEL]}, "kavenegar.api_token must be a text."),
    ({"kavenegar__api_token": f"{SENTINEL}\ud800"}, "kavenegar.api_token must not contain"),
    ({"kavenegar__timezone": "Asia/Teheran"}, "kavenegar.timezone must be an IANA time zone"),
    ({"kavenegar__timezone": "../../etc/passwd"}, "kavenegar.timezone must be an IANA time zone"),
    ({"kavenegar__timezone": "Asia"}, "kavenegar.timezone must be an IANA time zone"),
    ({"kavenegar__endpoint_id": "front desk"}, "kavenegar.endpoint_id must be a whole number."),
    ({"kavenegar__page_size": 1001}, "kavenegar.page_size must be at least 1 and at most 1000."),
    ({"etelecom__page_size": 1001}, "etelecom.page_size must be at least 1 and at most 1000."),
    ({"etelecom__hotline_ids": {"a": 1}}, "etelecom.hotline_ids must be a list."),
    ({"etelecom__hotline_ids": [1.5]}, "etelecom.hotline_ids must be a text."),
    ({"twin__page_size": 1}, "twin.page_size must be at least 2 and at most 1000."),
    ({"twin__page_size": "many"}, "twin.page_size must be a whole number."),
    ({"twin": {"email": SENTINEL}}, "twin.password is missing: twin.email does nothing without"),
    ({"twin": {"password": SENTINEL}}, "twin.email is missing: twin.password does nothing without"),
    (
        {"twin": {"page_size": 5}},
        "twin has no credentials: give twin.email and twin.password, or twin.token.",
    ),
    ({"twin__date_field_parameter": "limit"}, "twin.date_field_parameter must not be one of"),
    ({"twin__date_field_parameter": "a&b"}, "twin.date_field_parameter contains characters"),
    ({"twin__iam_url": f"ftp://{SENTINEL}.com"}, "twin.iam_url must be an http(s) URL."),
    ({"cinnox__page_size": 501}, "cinnox.page_size must be at least 2 and at most 500."),
    ({"cinnox__app_id": f"../{SENTINEL}"}, "cinnox.app_id contains characters"),
    ({"cinnox__app_id": ".."}, "cinnox.app_id contains characters"),
    ({"cinnox__app_token": None}, "cinnox.app_token is missing."),
    ({"cinnox__api_url": SENTINEL}, "cinnox.api_url must be an http(s) URL."),
    ({"cinnox__api_url": "file:///etc/passwd"}, "cinnox.api_url must be an http(s) URL."),
    ({"cinnox__api_url": "https://"}, "cinnox.api_url must name a host."),
    ({"cinnox__api_url": "https://a..b"}, "cinnox.api_url must name a host."),
    ({"cinnox__api_url": f"https://{'a' * 64}.com"}, "cinnox.api_url must name a host."),
    ({"cinnox__api_url": "https://<tenant>.com"}, "cinnox.api_url must name a host."),
    ({"cinnox__api_url": "https://h.com:port"}, "cinnox.api_url must be an http(s) URL."),
    ({"cinnox__api_url": "https://[::1"}, "cinnox.api_url must be an http(s) URL."),
    (
        {"cinnox__api_url": f"https://user:{SENTINEL}@h.com"},
        "cinnox.api_url must not contain a user or a password.",
    ),
    (
        {"cinnox__api_url": f"https://h.com/?k={SENTINEL}"},
        "cinnox.api_url must not contain a query",
    ),
    ({"cinnox__api_url": "https://h.com/#part"}, "cinnox.api_url must not contain a query"),
    ({"utel__page_size": 301}, "utel.page_size must be at least 1 and at most 300."),
    ({"utel__timezone": SENTINEL}, "utel.timezone must be an IANA time zone that exists"),
    ({"utel__requests_per_second": 0}, "utel.requests_per_second must be more than 0."),
    ({"utel": {"token": SENTINEL}}, "utel.api_url is missing."),
    (
        {"utel": {"api_url": "https://h.com"}},
        "utel has no credentials: give utel.email and utel.password, or utel.token.",
    ),
    ({"utel__email": SENTINEL}, "utel.password is missing: utel.email does nothing without it."),
]


class TestBadInput:
    @pytest.mark.parametrize(("changes", "line"), BAD_INPUT, ids=lambda x: str(x)[:60])
    def test_it_is_named_in_one_line_and_not_shown(
        self, changes: dict[str, Any], line: str
    ) -> None:
        found = faults(changed(**changes))
        assert len(found) == 1, found
        assert line in found[0]
        assert "\n" not in found[0]
        assert SENTINEL not in found[0]

    def test_no_vendor_names_them_all(self) -> None:
        blank = {"twin": {}, "utel": None, "cinnox": "", "kavenegar": {"api_token": " "}}
        assert faults({"start_date": GOOD["start_date"], **blank}) == [NO_VENDOR]

    def test_an_empty_configuration_has_two_faults(self) -> None:
        assert [line.split(" ")[0] for line in faults({})] == ["start_date", "No"]

    @pytest.mark.parametrize("name", DESIGNED)
    @drawing(max_examples=30)
    @given(value=JSON_VALUES)
    def test_no_value_of_any_setting_breaks_the_check(self, name: str, value: Any) -> None:
        found = faults(changed(**{name.replace(".", "__"): value}))
        assert all(line.isprintable() for line in found)

    @pytest.mark.parametrize("name", DESIGNED)
    @pytest.mark.parametrize(
        "form", ["{}", "\n{}", "https://{}:{}@h", "{}é", '["{}"]', '{{"a": "{}"}}']
    )
    def test_no_message_shows_the_value_of_any_setting(self, name: str, form: str) -> None:
        value = form.format(SENTINEL, SENTINEL)
        assert SENTINEL not in "".join(faults(changed(**{name.replace(".", "__"): value})))

    def test_the_good_configuration_has_none(self) -> None:
        assert faults(GOOD) == []


class TestNewVendor:
    def test_a_sixth_vendor_needs_nothing_but_its_own_description(self) -> None:
        class Sixth:
            vendor: ClassVar[str] = "sixth"
            settings: ClassVar[dict[str, Any]] = {
                "type": "object",
                "required": ["key"],
                "properties": {
                    "key": {"type": "string", "secret": True},
                    "odd": {"type": "integer"},
                },
            }

            @staticmethod
            def check_settings(settings: Mapping[str, Any]) -> Iterator[str]:
                if settings.get("odd", 1) % 2 == 0:
                    yield "sixth.odd must be odd."

        config = {"start_date": GOOD["start_date"], "sixth": {"key": "k", "odd": "3"}}
        assert Settings.from_config(config, (Sixth,), now=NOW).vendors == {
            "sixth": {"key": "k", "odd": 3}
        }
        config["sixth"] = {"key": "k", "odd": "2"}
        assert check(config, (Sixth,), now=NOW) == ["sixth.odd must be odd."]
        config["sixth"] = {"odd": "2"}
        assert check(config, (Sixth,), now=NOW) == ["sixth.key is missing."]
        assert "sixth" in config_schema((Sixth,))["properties"]


class TestSecretValues:
    def test_they_are_found_in_faulty_configurations_too(self) -> None:
        config = changed(
            hash_key="short",
            concurrency="many",
            twin='{"email": "e@example.com", "password": 123456}',
            cinnox=["broken"],
        )
        assert secret_values(config, VENDORS) == {
            "short",
            "kavenegar-token",
            "etelecom-key",
            "123456",
            "utel-token",
        }
