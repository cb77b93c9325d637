"""Each vendor's way through its pages, to the last one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_callhistory.sandbox.world.behaviour import Behaviour
from tests.support.sandbox.asking import NOW, a_call, answered, ask, made_world, read

if TYPE_CHECKING:
    from tap_callhistory.sandbox.world.world import World


def logs(world: World, after: str = "", **paging: Any) -> tuple[list[str], dict[str, Any]]:
    page = answered(ask(world, body={"paging": {"after": after, "limit": 40, **paging}}))
    return [log["id"] for log in page["call_logs"]], page["paging"]


def followed(world: World, after: str = "") -> list[str]:
    """Follow the cursor until an empty page or an empty cursor."""
    seen: list[str] = []
    for _ in range(50):
        ids, paging = logs(world, after)
        seen += ids
        after = paging["next"]
        if not ids or not after:
            return seen
    raise AssertionError("the cursor never ends")


def ids_of(world: World) -> list[Any]:
    """The calls' ids in the order in which they were placed."""
    calls = sorted(world.calls(), key=lambda call: (call.created_at, call.sequence))
    return [world.api.call_id(call) for call in calls]


def test_kavenegars_pages_hold_all_calls_newest_first() -> None:
    world = made_world("kavenegar", 130)
    pages = [read(world, ("size", 50), ("page", page)) for page in range(4)]
    assert [len(page) for page in pages] == [50, 50, 30, 0]
    assert [call["id"] for page in pages for call in page] == ids_of(world)[::-1]


def test_twins_offsets_hold_all_calls_in_the_order_asked_for() -> None:
    world = made_world("twin", 130)
    query = (("limit", 50), ("sort", "+createdAt"))
    pages = [read(world, *query, ("offset", offset)) for offset in (0, 50, 100, 150)]
    assert [len(page) for page in pages] == [50, 50, 30, 0]
    assert [call["id"] for page in pages for call in page] == ids_of(world)


def test_twins_pages_count_from_one() -> None:
    world = made_world("twin", 130)
    assert read(world, ("limit", 50), ("page", 2)) == read(world, ("limit", 50), ("offset", 50))
    assert ask(world, ("page", 0)).status == 400


def test_cinnox_gives_offsets_and_no_total() -> None:
    world = made_world("cinnox", 130)
    pages = [read(world, ("limit", 50), ("offset", offset)) for offset in (0, 50, 100, 150)]
    assert [len(page) for page in pages] == [50, 50, 30, 0]
    assert answered(ask(world)).keys() == {"code", "result"}
    assert sorted(call["id"] for page in pages for call in page) == sorted(ids_of(world))


def test_utels_pages_count_from_one_and_know_the_last() -> None:
    world = made_world("utel", 131)
    count = world.count()
    page = answered(ask(world, ("per_page", 50), ("page", 3)))
    assert page["meta"]["last_page"] == 3
    assert (page["meta"]["from"], page["meta"]["to"]) == (101, count)
    assert page["links"]["next"] is None
    ids = [call["id"] for n in (1, 2, 3) for call in read(world, ("per_page", 50), ("page", n))]
    assert ids == ids_of(world)


def test_utels_links_lose_the_filters_and_leave_the_host() -> None:
    world = made_world("utel", 131)
    page = answered(ask(world, ("per_page", 20), ("filter[type]", 2)))
    assert page["links"]["next"] == "https://api.sandbox.utel.invalid/api/v1/call-history?page=2"


@pytest.mark.parametrize("vendor", ["kavenegar", "twin", "utel"])
def test_a_clamped_page_number_gives_the_last_page_again(vendor: str) -> None:
    world = made_world(vendor, 45, Behaviour(clamp_pages=True, default_page=20))
    last = 2 if vendor == "kavenegar" else 3
    assert read(world, ("page", last)) == read(world, ("page", last + 40)) != []


def test_etelecoms_cursor_runs_to_an_empty_page() -> None:
    world = made_world("etelecom", 100)
    assert followed(world) == ids_of(world)[::-1]
    assert logs(world, logs(world)[1]["next"])[1]["next"]


def test_etelecoms_cursor_may_end_with_the_last_full_page() -> None:
    world = made_world("etelecom", 80, Behaviour(cursor_always_next=False))
    assert followed(world) == ids_of(world)[::-1]
    assert logs(world, logs(world)[1]["next"])[1]["next"] == ""


def test_etelecoms_dot_dialect_opens_its_cursor_with_a_dot_only() -> None:
    world = made_world("etelecom", 100, Behaviour(cursor_dialect="dot"))
    assert logs(world)[1]["next"] == ""
    assert followed(world, ".") == ids_of(world)[::-1]


def test_etelecoms_faulty_cursor_repeats_itself() -> None:
    world = made_world("etelecom", 100, Behaviour(cursor_dialect="loop"))
    second = logs(world)[1]["next"]
    assert logs(world, second)[1]["next"] == second


def test_etelecoms_previous_page_is_had_by_its_cursor() -> None:
    world = made_world("etelecom", 100)
    first, paging = logs(world)
    assert logs(world, logs(world, paging["next"])[1]["prev"])[0] == first


def test_etelecoms_cursor_is_not_shifted_by_a_new_call() -> None:
    world = made_world("etelecom", 100)
    expected, paging = logs(world, logs(world)[1]["next"])[0], logs(world)[1]
    world.add(a_call(world.vendor, 10**12, created_at=NOW - timedelta(seconds=1)))
    assert logs(world, paging["next"])[0] == expected


def test_etelecoms_cursor_survives_the_deletion_of_its_call() -> None:
    world = made_world("etelecom", 100)
    paging = logs(world)[1]
    expected = logs(world, paging["next"])[0]
    world.delete(world.calls()[-40].sequence)
    assert logs(world, paging["next"])[0] == expected


def test_an_offset_is_shifted_by_a_new_call() -> None:
    world = made_world("cinnox", 100)
    before = read(world, ("limit", 50), ("offset", 50))
    world.add(a_call(world.vendor, 10**12, created_at=NOW - timedelta(seconds=1)))
    after = read(world, ("limit", 50), ("offset", 50))
    assert after[1:] == before[:-1]


@pytest.mark.parametrize("cursor", ["nonsense", "????", "bm9uc2Vuc2U=", 7])
def test_what_is_no_cursor_is_refused(cursor: Any) -> None:
    assert ask(made_world("etelecom", 5), body={"paging": {"after": cursor}}).status == 400


@pytest.mark.parametrize("order", ["newest", "oldest", "id"])
def test_pages_run_in_the_order_of_the_vendors_reading(order: Any) -> None:
    world = made_world("etelecom", 90, Behaviour(order=order))
    expected = ids_of(world)[::-1] if order == "newest" else ids_of(world)
    assert followed(world) == expected
