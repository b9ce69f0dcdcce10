from __future__ import annotations

from daypass import limits
from daypass.edge.breaker import Breaker


def failed(times: int, now: float = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.failed(now)
    return breaker


def test_a_few_failures_change_nothing() -> None:
    assert failed(limits.BREAKER_FAILURES - 1).lets_pass(0)


def test_a_backend_that_does_not_answer_is_left_alone_but_for_a_probe_now_and_then() -> None:
    breaker = failed(limits.BREAKER_FAILURES)
    assert not breaker.lets_pass(limits.BREAKER_OPEN_SECONDS - 0.1)
    assert breaker.lets_pass(limits.BREAKER_OPEN_SECONDS)
    assert not breaker.lets_pass(limits.BREAKER_OPEN_SECONDS)
    assert not breaker.lets_pass(2 * limits.BREAKER_OPEN_SECONDS - 0.1)
    assert breaker.lets_pass(2 * limits.BREAKER_OPEN_SECONDS)


def test_one_answer_and_all_may_pass_again() -> None:
    breaker = failed(limits.BREAKER_FAILURES)
    assert breaker.succeeded()
    assert not breaker.succeeded()
    assert breaker.lets_pass(0)
    assert breaker.lets_pass(0)


def test_failures_count_only_in_a_row() -> None:
    breaker = failed(limits.BREAKER_FAILURES - 1)
    assert not breaker.succeeded()
    assert not breaker.failed(0)
    assert breaker.lets_pass(0)


def test_the_failure_that_opens_it_is_told_from_the_others() -> None:
    breaker = failed(limits.BREAKER_FAILURES - 1)
    assert [breaker.failed(0), breaker.failed(0)] == [True, False]
