"""The comparison itself: with one rule of the reference engine turned wrong, it must notice.

Each row breaks one rule. If the generated cases did not decide on that rule, the two engines could be wrong about it
together with nobody noticing.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from policy_differential.comparison import case_line, difference, shrunk
from policy_differential.generator import generated
from reference import conditions, engine, patterns, principals
from reference.principals import Form

ENOUGH_PAIRS = 6_000


def always(value: object) -> Callable[..., object]:
    return lambda *_arguments, **_named: value


def operator_of(name: str) -> conditions.Operator:
    return conditions.OPERATORS[name]


class EqualToAll:
    """A version that every version is."""

    __hash__ = None  # type: ignore[assignment]  # never a key

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


WRONG_RULES: dict[str, tuple[ModuleType, str, Any]] = {
    "everyone does not bypass the identity policy": (engine, "FINAL_FORMS", {Form.ITSELF}),
    "the issuer's ARN bypasses everything": (engine, "FINAL_FORMS", {Form.ITSELF, Form.EVERYONE, Form.ISSUER}),
    "the account's ARN bypasses everything": (engine, "FINAL_FORMS", {Form.ITSELF, Form.EVERYONE, Form.ACCOUNT}),
    "the caller's own ARN bypasses nothing": (engine, "FINAL_FORMS", {Form.EVERYONE}),
    "session policies are not looked at": (engine, "session_allows", always(True)),
    "a federated session needs no session policy": (
        engine,
        "session_allows",
        lambda situation: situation.session is None or engine.any_allows(situation.session, situation),
    ),
    "a resource policy suffices across accounts": (
        engine,
        "lacking_across_accounts",
        lambda situation, forms: [] if forms else [situation.resource_kind],
    ),
    "the bypasses work across accounts": (engine, "lacking_across_accounts", engine.lacking_in_one_account),
    "the root user cannot mend his bucket policy": (engine, "root_repairs_bucket_policy", always(False)),
    "one level of an organisation that allows is enough": (
        engine,
        "every_level_allows",
        lambda levels, situation: not levels or any(engine.any_allows(level, situation) for level in levels),
    ),
    "service control policies apply to anonymous callers": (engine, "is_of_an_account", always(True)),
    "sessions of the root user need an identity policy": (engine, "is_issued_by_root", always(False)),
    "the root user needs an identity policy": (engine, "has_identity_policies", engine.is_of_an_account),
    "a trust policy need not allow": (engine, "is_role", always(False)),
    "a boundary does not matter to NotPrincipal": (
        engine,
        "escapes_not_principal",
        lambda element, caller, boundary_attached: principals.escapes_not_principal(element, caller, False),
    ),
    "NotPrincipal exempts whoever is named in any way": (
        engine,
        "escapes_not_principal",
        lambda element, caller, boundary_attached: bool(engine.forms_naming(element, caller)),
    ),
    "the account of another partition is the same account": (
        principals,
        "names_account",
        lambda entry, caller: (entry.split(":")[4:5] or [entry])[0] == caller.account and ":role/" not in entry,
    ),
    "actions are compared with case": (
        engine,
        "action_pattern_matches",
        lambda pattern, action: patterns.matches(patterns.symbols(pattern), action),
    ),
    "a star for the service matches": (
        engine,
        "action_pattern_matches",
        lambda pattern, action: patterns.matches(patterns.symbols(pattern.lower()), action.lower()),
    ),
    "a short ARN is not filled up": (patterns, "padded", lambda parts: parts),
    "a resource is matched as one string": (
        engine,
        "resource_pattern_matches",
        lambda entry, resource, _context, _version: patterns.matches(patterns.symbols(entry), resource),
    ),
    "an ARN condition is matched as one string": (
        conditions,
        "matches_by_segment",
        lambda parts, texts: patterns.matches(
            patterns.symbols(":".join(map(patterns.written, parts))), ":".join(texts)
        ),
    ),
    "variables work in every version": (
        patterns,
        "VERSION_WITH_VARIABLES",
        EqualToAll(),
    ),
    "a variable has no default": (patterns, "split_default", lambda inner: (inner, None)),
    "an empty value keeps the default out": (
        patterns,
        "value_of_variable",
        lambda inner, context: context.get(inner.partition(",")[0].lower(), inner[-2:-1]),
    ),
    "a wildcard in a variable's value is one": (patterns, "literal", patterns.symbols),
    "an empty string is a value for ForAllValues": (conditions, "is_null_data_set", always(False)),
    "a missing key is false": (conditions, "missing_key_holds", always(False)),
    "a missing key is false for negated operators": (
        conditions,
        "missing_key_holds",
        lambda operator: operator.if_exists or operator.qualifier == "ForAllValues",
    ),
    "a missing key is true for ForAnyValue": (
        conditions,
        "missing_key_holds",
        lambda operator: operator.if_exists or bool(operator.qualifier) or operator_of(operator.base).negated,
    ),
    "an empty list is true": (conditions, "empty_list_holds", always(True)),
    "several values of a negated operator are or": (
        conditions,
        "value_holds",
        lambda operator, value, values, *rest: any(
            operator.compare(value, policy, *rest) != operator.negated for policy in values
        ),
    ),
    "Null is plain with a set operator": (
        conditions,
        "null_holds",
        lambda _qualifier, values, request: any(conditions.boolean(value) is (not request) for value in values),
    ),
    "case folding is of ASCII alone": (
        conditions,
        "simple_fold",
        lambda text: "".join(character.lower() if character.isascii() else character for character in text),
    ),
    "a date is no instant but a text": (conditions, "instant", lambda text: text),
    "a number is a text": (conditions, "number", lambda text: text),
    "a Bool is compared with case": (conditions, "boolean", {"true": True, "false": False}.get),
    "a bare address is no network": (
        conditions,
        "network",
        lambda text, network=conditions.network: network(text) if "/" in text else None,
    ),
}


@pytest.mark.parametrize("rule", WRONG_RULES)
def test_a_wrong_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, wrong = WRONG_RULES[rule]
    monkeypatch.setattr(module, name, wrong)
    assert any(difference(generated(f"wrong/{number}")) for number in range(ENOUGH_PAIRS))


def test_a_difference_is_shrunk_to_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "session_allows", always(True))
    cases = (generated(f"shrink/{number}") for number in range(ENOUGH_PAIRS))
    case = next(case for case in cases if difference(case))
    smallest = shrunk(case)
    assert difference(smallest)
    assert len(case_line(smallest)) < len(case_line(case)) / 2
    assert not smallest["request"]["context"]
