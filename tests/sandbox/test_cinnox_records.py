"""CINNOX's documented statuses, and recordings of video."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tap_callhistory.vendors.cinnox import CinnoxCallDetails
from tests.support.sandbox.asking import NOW, a_call, made_world, read

STATUSES = {
    *("Call Ended", "Declined", "Busy", "Not Answered"),
    *("Cancelled", "Abandoned", "Unreachable", "Call Failed"),
}


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    world = made_world("cinnox", 3000)
    pages = (read(world, ("limit", 500), ("offset", 500 * page)) for page in range(6))
    return [record for page in pages for record in page]


def test_calls_that_are_over_have_the_eight_documented_statuses(
    records: list[dict[str, Any]],
) -> None:
    assert {record["status"] for record in records if "callEndTime" in record} == STATUSES


def test_abandoned_calls_were_established_and_came_in(records: list[dict[str, Any]]) -> None:
    world = made_world("cinnox", 3000)
    abandoned = [record for record in records if record["status"] == "Abandoned"]
    assert len(abandoned) > 20
    for record in abandoned:
        assert record["callDirection"] == "Inbound"
        assert world.call(record["seq"]).answered_at is not None


def test_a_video_recording_has_files_and_no_audio_file_and_is_not_pending(
    records: list[dict[str, Any]],
) -> None:
    endpoint = CinnoxCallDetails({})
    videos = [
        record
        for record in records
        if record["mediaType"] == "video" and record["recordingEventList"]
    ]
    assert len(videos) > 20
    for record in videos:
        (event,) = record["recordingEventList"]
        assert [file["type"] for file in event["files"]] == [2]
        assert record["isRecording"]
        assert not record["hasAudioFile"]
        assert not endpoint.is_unfinished(record)


def test_a_recording_without_any_file_is_pending() -> None:
    endpoint = CinnoxCallDetails({})
    world = made_world("cinnox", 1)
    world.add(a_call("cinnox", 18, recording_ready_at=NOW + timedelta(minutes=1)))
    (record,) = (each for each in read(world) if each["seq"] == 18)
    assert record["callEndTime"]
    assert endpoint.is_unfinished(record)
