"""Codes of virtual MFA devices, held to the tables of the RFCs and to an independent implementation's rules."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from daypass import totp
from daypass.names import Secret

SEED = Secret(base64.b32encode(b"12345678901234567890").decode())  # the RFCs' test key


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("counter", "code"),
    list(
        enumerate(("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"))
    ),
)
def test_codes_are_those_of_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert totp.code(SEED, counter) == code


# The table has eight digits; a code of six is their end.
@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238_appendix_b(seconds: int, eight_digits: str) -> None:
    now = at(seconds)
    assert totp.code(SEED, totp.counter_at(now)) == eight_digits[2:]
    assert totp.matching_counter(SEED, eight_digits[2:], now, 0) == seconds // 30


@pytest.mark.parametrize(
    ("steps_away", "window", "is_found"),
    [(0, 0, True), (1, 0, False), (1, 1, True), (-1, 1, True), (2, 1, False), (-2, 1, False)],
)
def test_a_code_is_found_as_far_from_now_as_the_window_reaches(steps_away: int, window: int, is_found: bool) -> None:
    now = at(1_800_000_000)
    counter = totp.counter_at(now) + steps_away
    assert totp.matching_counter(SEED, totp.code(SEED, counter), now, window) == (counter if is_found else None)


def test_a_step_begins_with_its_first_second_and_ends_before_the_next_ones() -> None:
    first = at(1_800_000_000)
    code = totp.code(SEED, totp.counter_at(first))
    assert totp.matching_counter(SEED, code, first + timedelta(seconds=29), 0) is not None
    assert totp.matching_counter(SEED, code, first + timedelta(seconds=30), 0) is None


@pytest.mark.parametrize("code", ["", "94287", "0942870", "28708 ", " 87082", "28708a", "२८७०८२", "287082\n"])
def test_what_is_not_six_ascii_digits_is_no_code(code: str) -> None:
    assert totp.matching_counter(SEED, code, at(59), 1) is None


def test_the_first_steps_of_the_epoch_have_no_negative_neighbours() -> None:
    assert totp.matching_counter(SEED, "755224", at(0), 10) == 0


def test_a_seed_is_base32_of_its_entropy_and_never_shows() -> None:
    seed = totp.make_seed(bytes(range(totp.SEED_BYTES)))
    assert base64.b32decode(seed.reveal()) == bytes(range(totp.SEED_BYTES))
    assert len(seed.reveal()) == 64
    assert seed.reveal() not in repr(seed)
    with pytest.raises(ValueError):
        totp.make_seed(b"short")


def test_a_seed_that_is_not_base32_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ValueError) as error:
        totp.matching_counter(Secret("not base32!"), "123456", at(59), 1)
    assert "not base32!" not in str(error.value)


@pytest.mark.parametrize(
    ("steps_away", "is_found"),
    [(-2, False), (-1, True), (0, True), (1, True), (2, False)],
    ids=lambda value: str(value),
)
def test_two_codes_in_a_row_are_found_by_the_second(steps_away: int, is_found: bool) -> None:
    now = at(1_800_000_000)
    counter = totp.counter_at(now) + steps_away
    codes = (totp.code(SEED, counter - 1), totp.code(SEED, counter))
    assert totp.consecutive_counter(SEED, codes, now, 1) == (counter if is_found else None)


@pytest.mark.parametrize("steps", [(0, 0), (1, 0), (-1, 1), (0, -1)])
def test_codes_that_do_not_follow_each_other_are_none(steps: tuple[int, int]) -> None:
    now = at(1_800_000_000)
    first, second = (totp.code(SEED, totp.counter_at(now) + step) for step in steps)
    assert totp.consecutive_counter(SEED, (first, second), now, 5) is None


def test_what_is_no_code_follows_nothing() -> None:
    assert totp.consecutive_counter(SEED, ("755224", "28708a"), at(30), 1) is None
    assert totp.consecutive_counter(SEED, ("", "287082"), at(30), 1) is None
    assert totp.consecutive_counter(SEED, ("755224", "287082"), at(30), 1) == 1
