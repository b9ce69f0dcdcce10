"""Generated cases, decided by daypass.policy and by the reference engine: they must agree on every one.

A difference is shrunk and printed as a line for vectors/policy_cases.jsonl. `--deep` compares ten times as many.
"""

from __future__ import annotations

from typing import Any

import pytest

from daypass.policy import PolicySet
from policy_differential.comparison import Histogram, case_line, difference, policies_of, shrunk
from policy_differential.generated_conditions import CONDITION_OPERATORS
from policy_differential.generated_values import generated_value
from policy_differential.generator import another_request, generated

PAIRS_PER_TEST = 2_500
TESTS = 8  # 20,000 pairs in every run, in parts that processes can share
DEEP_PAIRS_PER_TEST = 10_000
DEEP_TESTS = 24


def assert_the_engines_agree(seed: int, pairs: int) -> None:
    for number in range(pairs):
        case = generated(f"{seed}/{number}")
        policies = policies_of(case)
        assert_agreement(case, policies)
        if number % 4 == 0:
            # What the compiled policies remember of one request must not show in the next.
            assert_agreement(another_request(case, f"{seed}/{number}/another"), policies)
            assert_agreement(case, policies)


def assert_agreement(case: dict[str, Any], policies: PolicySet) -> None:
    if difference(case, policies) is not None:
        smallest = shrunk(case) if difference(case) else case
        pytest.fail(f"{difference(case, policies)}\n{case_line(smallest)}", pytrace=False)


@pytest.mark.parametrize("seed", range(TESTS))
def test_both_engines_decide_alike(seed: int) -> None:
    assert_the_engines_agree(seed, PAIRS_PER_TEST)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1_000, 1_000 + DEEP_TESTS))
def test_both_engines_decide_alike_in_depth(seed: int) -> None:
    assert_the_engines_agree(seed, DEEP_PAIRS_PER_TEST)


@pytest.mark.parametrize("seed", range(4))
def test_both_engines_compare_values_alike(seed: int) -> None:
    assert_values_compare_alike(seed, 2_000)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2_000, 2_010))
def test_both_engines_compare_values_alike_in_depth(seed: int) -> None:
    assert_values_compare_alike(seed, 20_000)


def assert_values_compare_alike(seed: int, pairs: int) -> None:
    for number in range(pairs):
        case = generated_value(f"{seed}/{number}")
        found = difference(case)
        assert found is None, f"{found}\n{case_line(case)}"


@pytest.fixture(scope="module")
def histogram() -> Histogram:
    histogram = Histogram()
    for number in range(6_000):
        histogram.record(generated(f"histogram/{number}"))
    print(histogram)
    return histogram


def test_each_outcome_is_at_least_a_sixth_of_what_is_generated(histogram: Histogram) -> None:
    outcomes = histogram.groups["outcome"]
    assert set(outcomes) == {"Allowed", "ExplicitlyDenied", "ImplicitlyDenied"}
    assert min(outcomes.values()) > sum(outcomes.values()) / 6


def test_every_caller_meets_every_outcome(histogram: Histogram) -> None:
    callers = histogram.groups["caller"]
    kinds = {name.partition(":")[0] for name in callers}
    assert len(kinds) == 8
    assert len(callers) == 3 * len(kinds)


def test_every_kind_of_policy_denies_in_both_ways(histogram: Histogram) -> None:
    assert len(histogram.groups["decided by"]) == 2 * 7


def test_every_operator_with_every_qualifier_and_if_exists_is_true_and_false(histogram: Histogram) -> None:
    constant = {"ForAllValues:Null false", "ForAnyValue:Null true"}
    wanted = {f"{name} {truth}" for _, name in CONDITION_OPERATORS for truth in ("true", "false")} - constant
    assert wanted <= set(histogram.groups["operator"])


def test_every_row_of_the_exception_table_occurs_and_limits_and_lets_pass(histogram: Histogram) -> None:
    forms = histogram.groups["allowing form"]
    for kind, names in {
        "user": ("ITSELF", "EVERYONE", "ACCOUNT"),
        "role-session": ("ITSELF", "ISSUER", "EVERYONE", "ACCOUNT"),
        "federated-user": ("ITSELF", "ISSUER", "EVERYONE", "ACCOUNT"),
    }.items():
        for name in names:
            assert forms[f"{kind} named as {name} in one account: Allowed"] > 0
            assert forms[f"{kind} named as {name} across accounts: ImplicitlyDenied"] > 0
    for name in ("ISSUER", "ACCOUNT"):
        assert forms[f"role-session named as {name} in one account: ImplicitlyDenied"] > 0
        assert forms[f"federated-user named as {name} in one account: ImplicitlyDenied"] > 0
