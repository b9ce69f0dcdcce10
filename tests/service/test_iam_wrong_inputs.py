"""What every IAM action refuses by its model alone, before anything is looked up or decided.

Source: the published IAM model (wire/models/iam.json); the texts and their order are AWS's, as recorded in public.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from daypass.service.iam import ACTIONS
from daypass.wire import model
from daypass.wire.model import IntegerShape, Member, Operation, StringShape
from support.api import InProcess

OPERATIONS = {action: model.load("iam").operations[action] for action in ACTIONS}
SECRETS = {"Password", "OldPassword", "NewPassword", "AddPrivateKey"}


def members(operation: Operation) -> Iterator[Member]:
    yield from () if operation.input is None else operation.input.members.values()


def lower(name: str) -> str:
    """A parameter's name as AWS's texts have it."""
    return name[0].lower() + name[1:]


REQUIRED = [
    pytest.param(action, required, id=action)
    for action, operation in OPERATIONS.items()
    if (required := [member for member in members(operation) if member.required])
]
TOO_LONG = [
    pytest.param(action, member, id=f"{action} {member.name}")
    for action, operation in OPERATIONS.items()
    for member in members(operation)
    if isinstance(member.shape, StringShape) and member.shape.max is not None and member.shape.max < 10_000
]
TOO_LARGE = [
    pytest.param(action, member, id=f"{action} {member.name}")
    for action, operation in OPERATIONS.items()
    for member in members(operation)
    if isinstance(member.shape, IntegerShape) and member.shape.max is not None
]


def refused(server: InProcess, action: str, parameters: dict[str, str]) -> str:
    """The text of the ValidationError."""
    answer = server.call(server.root, action, parameters, service="iam")
    assert (answer.status, answer.text("Code")) == (400, "ValidationError"), answer.body
    text = answer.text("Message")
    assert text is not None
    return text


@pytest.mark.parametrize(("action", "required"), REQUIRED)
def test_each_parameter_that_is_required_is_asked_for(
    iam_server: InProcess, action: str, required: list[Member]
) -> None:
    text = refused(iam_server, action, {})
    for member in required:
        assert f"at '{lower(member.name)}' failed to satisfy constraint: Member must not be null" in text
    count = len(required)
    assert text.startswith(f"{count} validation error{'s' if count > 1 else ''} detected: ")


@pytest.mark.parametrize(("action", "member"), TOO_LONG)
def test_a_text_that_is_too_long_is_refused(iam_server: InProcess, action: str, member: Member) -> None:
    shape: Any = member.shape
    value = "a" * (shape.max + 1)
    text = refused(iam_server, action, {member.name: value})
    problem = f"at '{lower(member.name)}' failed to satisfy constraint: Member must have length less than or equal to"
    assert f"{problem} {shape.max}" in text
    if member.name in SECRETS:
        assert value not in text


@pytest.mark.parametrize(("action", "member"), TOO_LARGE)
def test_a_number_that_is_too_large_is_refused(iam_server: InProcess, action: str, member: Member) -> None:
    shape: Any = member.shape
    text = refused(iam_server, action, {member.name: str(shape.max + 1)})
    assert f"Member must have value less than or equal to {shape.max}" in text
