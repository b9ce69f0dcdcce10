"""Each rule of lint: documents that break it, and documents beside them that do not.

Of a row, the rules named must be found and, of those that a document could be mistaken to break, the others not.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from daypass.policy import Policy, PolicyKind
from daypass.policy_tools import lint, written
from daypass.policy_tools.findings import Finding, Severity

BUCKET = "arn:aws:s3:::reports"
OBJECTS = "arn:aws:s3:::reports/*"
CURRENT = "2012-10-17"


def statement(**elements: Any) -> dict[str, Any]:
    made = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OBJECTS} | elements
    return {name: value for name, value in made.items() if value is not None}


def findings(
    *statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY, version: str | None = CURRENT, **top: Any
) -> list[Finding]:
    document = {"Version": version, "Statement": list(statements), **top}
    if version is None:
        del document["Version"]
    text = json.dumps(document)
    Policy.parse(text, kind, stored=True)
    return lint.findings(written.read(text, kind))


def rules(
    *statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY, version: str | None = CURRENT
) -> set[str]:
    return {finding.rule.id for finding in findings(*statements, kind=kind, version=version)}


def condition(operator: str, key: str, values: Any, **elements: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: values}}, **elements)


def conditions(*rows: tuple[str, str, Any], **elements: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: values} for operator, key, values in rows}, **elements)


def test_a_plain_policy_has_no_findings() -> None:
    assert not findings(
        statement(Action=["s3:GetObject", "s3:PutObject"]),
        condition("StringLike", "s3:prefix", "bob/*", Action="s3:ListBucket", Resource=BUCKET),
        condition("Bool", "aws:SecureTransport", "false", Effect="Deny", Action="s3:*", Resource=[BUCKET, OBJECTS]),
    )


# --- actions and resources ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "broken"),
    [
        ("s3:GetObject", set()),
        ("s3:getobject", set()),
        ("s3:Get*", set()),
        ("*", set()),
        ("s3:GetObjct", {"unknown-action"}),
        ("s3:Getx*", {"unknown-action"}),
        ("s4:GetObject", {"unknown-service"}),
        ("*:GetObject", {"unknown-service"}),
    ],
)
def test_an_action_that_aws_does_not_publish_is_found(action: str, broken: set[str]) -> None:
    found = rules(statement(Action=[action, "s3:GetObjectAcl"], Resource="*"))
    assert found & {"unknown-action", "unknown-service"} == broken


def test_a_mistyped_action_is_told_with_the_one_that_was_meant() -> None:
    (finding,) = [one for one in findings(statement(Action="s3:GetObjct")) if one.rule.id == "unknown-action"]
    assert finding.message == "`s3` has no action `GetObjct`; did you mean `s3:GetObject`?"
    assert finding.path == "Statement[0].Action"


@pytest.mark.parametrize(
    ("action", "resource", "broken"),
    [
        ("s3:GetObject", OBJECTS, False),
        ("s3:GetObject", BUCKET, True),
        ("s3:ListBucket", OBJECTS, True),
        ("s3:ListBucket", [OBJECTS, BUCKET], False),
        ("s3:ListBucket", "*", False),
        ("s3:ListAllMyBuckets", "*", False),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::*", True),
        ("s3:*", BUCKET, False),
        ("*", BUCKET, False),
        ("iam:GetUser", "arn:aws:iam::111122223333:role/x", True),
        ("iam:GetUser", "arn:aws:iam::111122223333:user/${aws:username}", False),
    ],
    ids=str,
)
def test_an_action_that_acts_on_none_of_the_resources_is_found(action: str, resource: Any, broken: bool) -> None:
    assert ("action-fits-no-resource" in rules(statement(Action=action, Resource=resource))) is broken


def test_the_message_about_a_misfit_names_an_arn_that_would_fit() -> None:
    messages = [finding.message for finding in findings(statement(Action="s3:ListBucket"))]
    assert any("`arn:aws:s3:::*` would be one" in message for message in messages)


def test_an_allow_by_exclusion_is_found_and_a_deny_by_exclusion_is_not() -> None:
    excluded = {"Action": None, "NotAction": "iam:*"}
    assert "not-action-allow" in rules(statement(**excluded))
    assert "not-action-allow" not in rules(statement(**excluded, Effect="Deny"))
    spared = {"Resource": None, "NotResource": OBJECTS}
    assert "not-resource-allow" in rules(statement(**spared))
    assert "not-resource-allow" not in rules(statement(**spared, Effect="Deny"))


def test_an_action_that_another_covers_is_found_once() -> None:
    found = findings(statement(Action=["s3:Get*", "s3:GetObject", "s3:PutObject", "s3:putobject"]))
    assert [(one.path, one.rule.id) for one in found] == [
        ("Statement[0].Action[1]", "redundant-action"),
        ("Statement[0].Action[3]", "redundant-action"),
    ]


def test_an_arn_of_fewer_than_six_parts_is_found_with_what_it_means() -> None:
    (finding,) = [one for one in findings(statement(Resource="arn:aws:s3")) if one.rule.id == "short-arn"]
    assert "`arn:aws:s3:*:*:*`" in finding.message


def test_a_statement_that_allows_everything_is_found_where_it_grants() -> None:
    everything = statement(Action="*", Resource="*")
    assert "allow-everything" in rules(everything)
    assert "allow-everything" in rules(everything, kind=PolicyKind.SESSION)
    for kind in (PolicyKind.BOUNDARY, PolicyKind.SERVICE_CONTROL):
        assert "allow-everything" not in rules(everything, kind=kind)
    assert "allow-everything" not in rules({**everything, "Effect": "Deny"})


# --- principals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["111122223333", "*"]}], ids=str)
def test_an_allow_to_everyone_is_found_unless_a_condition_narrows_it(principal: Any) -> None:
    open_to_all = statement(Principal=principal)
    assert "principal-anyone" in rules(open_to_all, kind=PolicyKind.RESOURCE)
    narrowed = open_to_all | {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    assert "principal-anyone" not in rules(narrowed, kind=PolicyKind.RESOURCE)
    assert "principal-anyone" not in rules(open_to_all | {"Effect": "Deny"}, kind=PolicyKind.RESOURCE)


def test_everyone_is_no_finding_where_the_grammar_allows_no_other_principal() -> None:
    assert "principal-anyone" not in rules(statement(Principal="*", Action="s3:*"), kind=PolicyKind.RESOURCE_CONTROL)


def test_a_trust_policy_that_everyone_may_use_is_found() -> None:
    trust = statement(Principal="*", Action="sts:AssumeRole", Resource=None)
    assert "principal-anyone" in rules(trust, kind=PolicyKind.ROLE_TRUST)


PROVIDER = "token.example.com/realm"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({}, True),
        ({"StringEquals": {f"{PROVIDER}:aud": "app"}}, True),
        ({"StringEquals": {"other.example.com:sub": "alice"}}, True),
        ({"StringEquals": {f"{PROVIDER}:sub": "alice"}}, False),
        ({"StringLike": {f"{PROVIDER.upper()}:SUB": "alice*"}}, False),
        ({"ForAnyValue:StringEquals": {f"{PROVIDER}:groups": "admins"}}, False),
        ({"StringEquals": {"aws:RequestTag/team": "red"}}, False),
    ],
)
def test_a_role_that_anybody_with_a_token_may_assume_is_found(condition: Any, found: bool) -> None:
    provider = f"arn:aws:iam::111122223333:oidc-provider/{PROVIDER}"
    trust = statement(Principal={"Federated": provider}, Action="sts:AssumeRoleWithWebIdentity", Resource=None)
    trust |= {"Condition": condition} if condition else {}
    assert ("web-identity-anyone" in rules(trust, kind=PolicyKind.ROLE_TRUST)) is found
    assert "web-identity-anyone" not in rules(trust | {"Effect": "Deny"}, kind=PolicyKind.ROLE_TRUST)


def test_not_principal_is_found() -> None:
    spared = statement(Effect="Deny", NotPrincipal={"AWS": "arn:aws:iam::111122223333:user/bob"})
    assert "not-principal" in rules(spared, kind=PolicyKind.RESOURCE)


# --- variables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [None, "2008-10-17"])
def test_a_variable_under_the_old_version_is_found(version: str | None) -> None:
    home = statement(Resource="arn:aws:s3:::home/${aws:username}/*")
    assert "variable-old-version" in rules(home, version=version)
    assert "variable-old-version" not in rules(home)


@pytest.mark.parametrize(
    ("elements", "broken"),
    [
        ({"Resource": "arn:aws:s3:::home/${aws:username}/*"}, set()),
        ({"Resource": "arn:aws:s3:::home/${aws:PrincipalTag/team, 'none'}/*"}, set()),
        ({"Resource": "arn:aws:s3:::home/${*}${?}${$}"}, set()),
        ({"Resource": "arn:aws:s3:::home/${$}{x}"}, set()),
        ({"Resource": "arn:aws:s3:::home/${aws:usernam}/*"}, {"variable-unknown"}),
        ({"Resource": "arn:aws:s3:::home/${aws:username/*"}, {"variable-malformed"}),
        ({"Resource": "arn:aws:iam::${aws:PrincipalAccount}:user/x", "Action": "iam:GetUser"}, {"variable-misplaced"}),
        ({"Condition": {"StringLike": {"aws:userid": "${aws:username}"}}}, set()),
        ({"Condition": {"NumericEquals": {"aws:MultiFactorAuthAge": "${aws:username}"}}}, {"variable-misplaced"}),
    ],
    ids=str,
)
def test_a_variable_that_is_none_is_found(elements: dict[str, Any], broken: set[str]) -> None:
    found = rules(statement(**elements))
    assert {rule for rule in found if rule.startswith("variable-")} == broken


# --- conditions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "rule", "broken"),
    [
        (condition("StringEquals", "aws:usernam", "bob"), "unknown-condition-key", True),
        (condition("StringEquals", "AWS:USERNAME", "bob"), "unknown-condition-key", False),
        (condition("StringEquals", "aws:RequestTag/any thing", "x"), "unknown-condition-key", False),
        (condition("StringEquals", "s3:prefix", "x"), "key-not-in-requests", True),
        (condition("StringEquals", "s3:prefix", "x", Action="s3:List*", Resource=BUCKET), "key-not-in-requests", False),
        (condition("StringEquals", "s3:prefix", "x", Action="*", Resource="*"), "key-not-in-requests", False),
        (condition("StringEquals", "aws:username", "x"), "key-not-in-requests", False),
        (condition("ForAllValues:StringEquals", "aws:TagKeys", "x"), "for-all-values-without-null", True),
        (
            condition("ForAllValues:StringEquals", "aws:TagKeys", "x", Effect="Deny"),
            "for-all-values-without-null",
            False,
        ),
        (
            conditions(("ForAllValues:StringEquals", "aws:TagKeys", "x"), ("Null", "aws:tagkeys", "false")),
            "for-all-values-without-null",
            False,
        ),
        (
            conditions(("ForAllValues:StringEquals", "aws:TagKeys", "x"), ("Null", "aws:tagkeys", "true")),
            "for-all-values-without-null",
            True,
        ),
        (
            conditions(
                ("ForAllValues:StringEquals", "aws:TagKeys", "x"), ("ForAnyValue:StringLike", "aws:TagKeys", "*")
            ),
            "for-all-values-without-null",
            False,
        ),
        (condition("StringEquals", "aws:TagKeys", "x"), "set-operator-needed", True),
        (condition("ForAnyValue:StringEquals", "aws:TagKeys", "x"), "set-operator-needed", False),
        (condition("Null", "aws:TagKeys", "false"), "set-operator-needed", False),
        (condition("ForAnyValue:StringEquals", "aws:username", "x"), "set-operator-on-single", True),
        (condition("StringEquals", "aws:SourceIp", "10.0.0.1"), "operator-does-not-fit", True),
        (condition("IpAddress", "aws:SourceIp", "10.0.0.1"), "operator-does-not-fit", False),
        (condition("IpAddress", "aws:username", "10.0.0.1"), "operator-does-not-fit", True),
        (condition("NumericLessThan", "aws:EpochTime", "1"), "operator-does-not-fit", False),
        (condition("DateLessThan", "aws:MultiFactorAuthAge", "2026"), "operator-does-not-fit", True),
        (condition("NumericLessThan", "aws:MultiFactorAuthAge", "soon"), "invalid-condition-value", True),
        (condition("NumericLessThan", "aws:MultiFactorAuthAge", 3600), "invalid-condition-value", False),
        (condition("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "10.0.0.0/33"]), "invalid-condition-value", True),
        (condition("DateLessThan", "aws:CurrentTime", "2026-01-01T01Z"), "invalid-condition-value", True),
        (condition("Bool", "aws:SecureTransport", "yes"), "invalid-condition-value", True),
        (condition("Bool", "aws:SecureTransport", True), "invalid-condition-value", False),
        (condition("Null", "aws:username", "maybe"), "invalid-condition-value", True),
        (condition("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*"), "invalid-condition-value", True),
        (condition("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*"), "invalid-condition-value", False),
        (condition("ArnEquals", "aws:PrincipalArn", "${aws:SourceArn}"), "invalid-condition-value", False),
        (condition("StringEquals", "aws:username", "bob*"), "wildcard-in-equals", True),
        (condition("StringNotEquals", "aws:username", "bob?"), "wildcard-in-equals", True),
        (condition("StringEquals", "aws:username", "bob${*}"), "wildcard-in-equals", False),
        (condition("StringLike", "aws:username", "bob*"), "wildcard-in-equals", False),
        (condition("StringEquals", "aws:username", []), "empty-condition", True),
        (condition("ForAnyValue:Null", "aws:username", "true"), "null-with-set-operator", True),
        (condition("StringNotEqualsIfExists", "aws:username", "x"), "if-exists-changes-nothing", True),
        (condition("StringEqualsIfExists", "aws:username", "x"), "if-exists-changes-nothing", False),
        (
            condition("Bool", "aws:MultiFactorAuthPresent", "false", Effect="Deny"),
            "mfa-deny-misses-keys",
            True,
        ),
        (
            condition("BoolIfExists", "aws:MultiFactorAuthPresent", "false", Effect="Deny"),
            "mfa-deny-misses-keys",
            False,
        ),
        (condition("Bool", "aws:MultiFactorAuthPresent", "true"), "mfa-deny-misses-keys", False),
    ],
    ids=lambda value: json.dumps(value["Condition"]) if isinstance(value, dict) else str(value),
)
def test_a_condition_breaks_a_rule_or_not(made: dict[str, Any], rule: str, broken: bool) -> None:
    assert (rule in rules(made)) is broken


# --- statements that never match ----------------------------------------------------------------------------------

NUMBER = "aws:MultiFactorAuthAge"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (statement(Action=["s3:GetObjct", "s4:x"]), "there is no such action as `s3:GetObjct`, `s4:x`"),
        (statement(Action="s3:ListBucket"), "`s3:ListBucket` acts on none of its resources"),
        (statement(Action=None, NotAction="*"), "its NotAction excludes every action"),
        (statement(Resource=None, NotResource="*"), "its NotResource excludes every resource"),
        (condition("StringEquals", "aws:usernam", "x"), "there is no condition key `aws:usernam`"),
        (condition("StringEquals", "s3:prefix", "x"), "no request of its actions carries `s3:prefix`"),
        (condition("Null", "aws:usernam", "false"), "there is no condition key `aws:usernam`"),
        (condition("ForAnyValue:Null", "aws:TagKeys", "true"), "`ForAnyValue:Null` never holds"),
        (condition("StringEquals", "aws:username", []), "no value of `aws:username` satisfies `StringEquals`"),
        (condition("NumericEquals", NUMBER, "x"), f"no value of `{NUMBER}` satisfies `NumericEquals`"),
        (
            conditions(("StringEquals", "aws:username", "a"), ("StringEqualsIfExists", "aws:UserName", ["b", "c"])),
            "no value of `aws:username` satisfies `StringEquals`, `StringEqualsIfExists` together",
        ),
        (
            conditions(("StringEquals", "aws:username", ["ab", "b"]), ("StringNotLike", "aws:username", ["a*", "b"])),
            "no value of `aws:username` satisfies `StringEquals`, `StringNotLike` together",
        ),
        (
            conditions(("StringEquals", "aws:username", "a"), ("Null", "aws:username", "true")),
            "no value of `aws:username` satisfies `StringEquals`, `Null` together",
        ),
        (
            conditions(("NumericLessThan", NUMBER, "5"), ("NumericGreaterThan", NUMBER, "5")),
            f"no value of `{NUMBER}` satisfies `NumericLessThan`, `NumericGreaterThan` together",
        ),
        (
            conditions(("DateLessThan", "aws:CurrentTime", "2026"), ("DateGreaterThan", "aws:CurrentTime", "2027")),
            "no value of `aws:CurrentTime` satisfies `DateLessThan`, `DateGreaterThan` together",
        ),
        (
            conditions(
                ("Bool", "aws:SecureTransport", "true"),
                ("BoolIfExists", "aws:SecureTransport", "false"),
                ("Null", "aws:SecureTransport", "false"),
            ),
            "no value of `aws:SecureTransport` satisfies `Bool`, `BoolIfExists`, `Null` together",
        ),
        (
            conditions(("IpAddress", "aws:SourceIp", "10.1.0.0/16"), ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8")),
            "no value of `aws:SourceIp` satisfies `IpAddress`, `NotIpAddress` together",
        ),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, str) else None,
)
def test_a_deny_that_can_never_fire_is_found_with_the_reason(made: dict[str, Any], reason: str) -> None:
    for effect, rule, head in (
        ("Deny", "deny-never-fires", "this Deny can never fire: "),
        ("Allow", "allow-never-matches", "this Allow grants nothing: "),
    ):
        found = [one.message for one in findings(made | {"Effect": effect}) if one.rule.id == rule]
        assert found == [head + reason]


def test_a_deny_that_names_a_variable_as_text_can_never_fire() -> None:
    literal = statement(Effect="Deny", Resource="arn:aws:s3:::home/${aws:username}/*")
    assert "deny-never-fires" in rules(literal, version="2008-10-17")
    assert "deny-never-fires" not in rules(literal)


def test_a_deny_that_spares_everyone_can_never_fire() -> None:
    assert "deny-never-fires" in rules(statement(Effect="Deny", NotPrincipal="*"), kind=PolicyKind.RESOURCE)


@pytest.mark.parametrize(
    "made",
    [
        statement(Action=["s3:GetObjct", "s3:GetObject"]),
        condition("StringNotEquals", "aws:usernam", "x"),
        condition("StringEqualsIfExists", "aws:usernam", "x"),
        condition("Null", "aws:usernam", "true"),
        conditions(("StringEquals", "aws:username", ["a", "b"]), ("StringNotEquals", "aws:username", "a")),
        conditions(("StringEquals", "aws:username", "${aws:userid}"), ("StringNotEquals", "aws:username", "a")),
        conditions(("StringEquals", "aws:username", "a"), ("StringLike", "aws:username", "${aws:userid}")),
        conditions(("StringEquals", "aws:username", "a"), ("StringEquals", "aws:userid", "b")),
        conditions(("NumericLessThanEquals", NUMBER, "5"), ("NumericGreaterThanEquals", NUMBER, "5")),
        conditions(("NumericLessThan", NUMBER, "5"), ("NumericGreaterThan", NUMBER, "4")),
        conditions(("NumericNotEquals", NUMBER, "5"), ("Null", NUMBER, "false")),
        conditions(("DateLessThan", "aws:CurrentTime", "2027"), ("DateGreaterThan", "aws:CurrentTime", "2026")),
        conditions(("DateLessThan", "aws:CurrentTime", "1960"), ("DateGreaterThan", "aws:CurrentTime", "1950")),
        conditions(("IpAddress", "aws:SourceIp", "10.0.0.0/8"), ("NotIpAddress", "aws:SourceIp", "10.0.0.0/9")),
        conditions(("IpAddress", "aws:SourceIp", "::/0"), ("NotIpAddress", "aws:SourceIp", "2001:db8::/32")),
        conditions(("NotIpAddress", "aws:SourceIp", "0.0.0.0/0"), ("Null", "aws:SourceIp", "false")),
        conditions(("ForAnyValue:StringEquals", "aws:TagKeys", "a"), ("ForAllValues:StringEquals", "aws:TagKeys", "b")),
        conditions(("StringLike", "aws:username", "a*"), ("StringNotLike", "aws:username", "*b")),
    ],
    ids=lambda made: json.dumps(made.get("Condition", made["Action"])),
)
def test_a_statement_that_some_request_matches_is_not_said_never_to_match(made: dict[str, Any]) -> None:
    assert not rules(made, made | {"Effect": "Deny"}) & {"deny-never-fires", "allow-never-matches"}


# --- statements among others --------------------------------------------------------------------------------------


def test_a_statement_that_another_already_says_is_found_once() -> None:
    narrow, wide = statement(), statement(Action="s3:*", Resource=[BUCKET, "arn:aws:s3:::rep*"])
    assert [one.path for one in findings(narrow, wide)] == ["Statement[0]"]
    assert [one.path for one in findings(wide, narrow)] == ["Statement[1]"]
    assert [one.path for one in findings(narrow, narrow)] == ["Statement[1]"]


@pytest.mark.parametrize(
    "other",
    [
        statement(Resource="arn:aws:s3:::archive/*"),
        statement(Resource="arn:aws:s3:::reports/b*"),
        statement(Action="s3:GetObjectAcl"),
        condition("StringEquals", "aws:username", "bob", Action="s3:*"),
        statement(Action=None, NotAction="iam:*"),
        statement(Resource="arn:aws:s3:::report?/*"),
    ],
    ids=str,
)
def test_a_statement_that_no_other_surely_covers_is_not_redundant(other: dict[str, Any]) -> None:
    found = findings(other, statement())
    assert ("redundant-statement", "Statement[1]") not in {(one.rule.id, one.path) for one in found}


def test_an_allow_whose_grant_a_deny_takes_away_whole_is_found() -> None:
    deny = statement(Effect="Deny", Action="s3:*", Resource="*")
    assert "allow-shadowed" in rules(statement(), deny)
    assert "allow-shadowed" in rules(condition("StringEquals", "aws:username", "bob"), deny)
    narrowed = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert "allow-shadowed" not in rules(statement(), narrowed)
    assert "allow-shadowed" not in rules(statement(), deny | {"Resource": "arn:aws:s3:::reports/x*"})


def test_an_action_that_matches_nothing_shadows_and_covers_nothing() -> None:
    nothing = statement(Effect="Deny", Action="*:GetObject", Resource="*")
    assert "allow-shadowed" not in rules(statement(), nothing)
    assert "redundant-action" not in rules(statement(Action=["*:GetObject", "s3:GetObject"]))


def test_a_deny_for_one_principal_does_not_shadow_an_allow_for_another() -> None:
    bob, eve = ({"AWS": f"arn:aws:iam::111122223333:user/{name}"} for name in ("bob", "eve"))
    allow, deny = statement(Principal=bob), statement(Principal=eve, Effect="Deny")
    assert "allow-shadowed" not in rules(allow, deny, kind=PolicyKind.RESOURCE)
    assert "allow-shadowed" in rules(allow, deny | {"Principal": "*"}, kind=PolicyKind.RESOURCE)


# --- the document -------------------------------------------------------------------------------------------------


def test_the_old_version_is_noted() -> None:
    assert rules(statement(), version=None) == rules(statement(), version="2008-10-17") == {"old-version"}


def test_conditions_beside_the_statements_are_told_to_be_ignored() -> None:
    assert "ignored-element" in {one.rule.id for one in findings(statement(), Conditions={})}


# --- the rules as a whole -----------------------------------------------------------------------------------------


def test_a_rule_has_an_id_of_its_own_and_something_to_say() -> None:
    assert len({rule.id for rule in lint.RULES}) == len(lint.RULES)
    for rule in lint.RULES:
        assert rule.id == rule.id.lower()
        assert rule.summary.endswith(".")
        assert rule.advice.endswith(".")
        assert rule.severity is not Severity.ERROR, "what AWS accepts is no error"


def test_every_finding_is_one_line_about_an_element_of_the_document() -> None:
    for finding in findings(
        statement(Action=["s3:x", "s3:ListBucket"], Resource=["arn:aws", OBJECTS]),
        condition("ForAllValues:StringEquals", "aws:TagKeys", ["a*", ""]),
        statement(Action=None, NotAction="*", Resource=None, NotResource="*"),
        version=None,
    ):
        assert "\n" not in finding.message
        assert finding.path == "" or finding.path.startswith(("Statement[", "Version"))


def test_thousands_of_statements_are_linted_in_a_second_or_two() -> None:
    many = [statement(Sid=f"s{number}", Resource=f"arn:aws:s3:::b{number}/*") for number in range(1_500)]
    started = time.process_time()
    findings(*many)
    assert time.process_time() - started < 2
