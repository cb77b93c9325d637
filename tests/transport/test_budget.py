"""The request budget: pace, pauses, falls and recovery, over real time in small amounts."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tap_callhistory.errors import StoppedError
from tap_callhistory.transport.budget import LOWEST_REQUESTS_PER_SECOND, Budget


def budget_of(requests_per_second: float | None, settling_seconds: float = 0.0) -> Budget:
    return Budget(requests_per_second, stop=threading.Event(), settling_seconds=settling_seconds)


def grants(budget: Budget, workers: int, count: int) -> list[float]:
    """The instants at which so many workers get so many requests through."""

    def take(_: int) -> float:
        budget.acquire()
        return time.monotonic()

    with ThreadPoolExecutor(workers) as pool:
        return sorted(pool.map(take, range(count)))


def test_without_a_limit_nobody_waits() -> None:
    started = time.monotonic()
    grants(budget_of(None), workers=4, count=1000)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("workers", [1, 8])
def test_requests_of_all_workers_together_keep_the_pace(workers: int) -> None:
    started = time.monotonic()
    instants = grants(budget_of(50), workers, count=20)
    assert all(instant - started >= 0.02 * place for place, instant in enumerate(instants))
    assert instants[-1] - started < 10


def test_idleness_saves_up_no_burst() -> None:
    budget = budget_of(20)
    budget.acquire()
    time.sleep(0.2)
    started = time.monotonic()
    instants = grants(budget, workers=4, count=4)
    assert all(instant - started >= 0.05 * place for place, instant in enumerate(instants))


def test_pause_holds_everybody_and_releases_them_at_the_pace() -> None:
    budget = budget_of(50)
    started = time.monotonic()
    budget.pause(0.2)
    budget.pause(0.1)
    instants = grants(budget, workers=4, count=5)
    assert all(instant - started >= 0.2 + 0.02 * place for place, instant in enumerate(instants))
    assert instants[-1] - started < 10


def test_pause_also_holds_those_who_wait_already() -> None:
    budget = budget_of(2)
    budget.acquire()
    with ThreadPoolExecutor(3) as workers:
        waiting = [workers.submit(budget.acquire) for _ in range(3)]
        time.sleep(0.02)
        budget.pause(1.0)
        time.sleep(0.6)
        assert not any(one.done() for one in waiting)


def test_stop_ends_all_waits_and_lets_nothing_out() -> None:
    stop = threading.Event()
    budget = Budget(None, stop=stop)
    budget.pause(60.0)
    with ThreadPoolExecutor(3) as workers:
        waiting = [workers.submit(budget.acquire) for _ in range(3)]
        time.sleep(0.02)
        stop.set()
        for one in waiting:
            with pytest.raises(StoppedError):
                one.result(timeout=10)
    with pytest.raises(StoppedError):
        Budget(None, stop=stop).acquire()


def test_refusals_lower_the_rate_and_good_answers_raise_it_up_to_the_ceiling() -> None:
    budget = budget_of(4)
    budget.slow_down()
    assert budget.rate == pytest.approx(2)
    time.sleep(0.1)
    budget.accepted()
    assert 2.1 <= budget.rate < 4
    for _ in range(2):
        time.sleep(1.0)
        budget.accepted()
    assert budget.rate == 4


def test_unlimited_rate_falls_to_below_what_was_observed() -> None:
    budget = budget_of(None)
    assert budget.rate == math.inf
    grants(budget, workers=4, count=40)
    for _ in range(20):
        budget.accepted()
        budget.slow_down()
    assert budget.rate <= 20


def test_lone_refusal_among_good_answers_costs_little_and_a_storm_halves() -> None:
    calm, stormy = budget_of(10), budget_of(10)
    for _ in range(31):
        calm.accepted()
    calm.slow_down()
    stormy.slow_down()
    assert calm.rate == pytest.approx(10 * 31 / 32)
    assert stormy.rate == pytest.approx(5)


def test_refusals_of_one_burst_count_once() -> None:
    budget = budget_of(10, settling_seconds=60)
    for _ in range(8):
        budget.slow_down()
    assert budget.rate == pytest.approx(5)


def test_rate_never_falls_to_nothing() -> None:
    budget = budget_of(None)
    for _ in range(100):
        budget.slow_down()
    assert budget.rate == LOWEST_REQUESTS_PER_SECOND


def test_ceiling_below_the_lowest_rate_is_kept() -> None:
    budget = budget_of(0.01)
    budget.slow_down()
    assert budget.rate == 0.01
