"""What S3 asks of a bucket policy beyond the grammar: its actions, resources and condition keys must be S3's own.

Whether the resources are this bucket's is the service's check: a policy does not know where it is attached.

Source: S3 User Guide, "Bucket policies"; S3's recorded MalformedPolicy replies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from daypass import limits
from daypass.policy.catalog import Action, actions
from daypass.policy.conditions import parse_network
from daypass.policy.faults import PolicyFault
from daypass.policy.match import Template, glob_text

_PREFIX: Final = "arn:aws:s3:::"
_BUCKET: Final = "bucket"
_OBJECT: Final = "object"


# A fault, the element of the statement it is in, and S3's text.
Fault = tuple[PolicyFault, str, str]


def faults(statement: Mapping[str, Any]) -> Iterator[Fault]:
    """What S3 refuses in one statement whose grammar is right."""
    for name in ("Action", "NotAction"):
        if not all(_known(action) for action in _listed(statement.get(name))):
            yield PolicyFault.INVALID_ACTION, name, "Policy has invalid action"
            return
    for name in ("Resource", "NotResource"):
        if not all(_is_of_s3(resource) for resource in _listed(statement.get(name))):
            yield PolicyFault.INVALID_RESOURCE, name, "Policy has invalid resource"
            return
    if "Action" in statement and "Resource" in statement:
        types = {kind for resource in _listed(statement["Resource"]) for kind in _types(resource)}
        if not all(_fits(action, types) for action in _listed(statement["Action"])):
            text = "Action does not apply to any resource(s) in statement"
            yield PolicyFault.ACTION_FITS_NO_RESOURCE, "Action", text
    yield from _condition_faults(statement)


def _condition_faults(statement: Mapping[str, Any]) -> Iterator[Fault]:
    # An action with a wildcard is taken to have every key: S3 looks at the others alone.
    named = [found for action in _listed(statement.get("Action")) if (found := _named(action)) is not None]
    for operator, keys in statement.get("Condition", {}).items():
        for key, value in keys.items():
            name, folded = f"Condition.{operator}.{key}", key.lower()
            compares = not operator.endswith("Null")  # whose values are true and false, whatever the key
            if folded == "aws:sourceip" and compares and not all(parse_network(str(one)) for one in _listed(value)):
                yield PolicyFault.INVALID_CONDITION, name, "Invalid IP address in Conditions"
            if folded.startswith("aws:"):
                continue
            if not _any_action().has_key(folded):
                yield PolicyFault.INVALID_CONDITION, name, "Policy has an invalid condition key"
            elif not all(action.has_key(folded) for action in named):
                text = "Conditions do not apply to combination of actions and resources in statement"
                yield PolicyFault.INVALID_CONDITION, name, text


def _listed(element: object) -> Sequence[Any]:
    listed = element if isinstance(element, list) else [element]
    return [value for value in listed if value is not None]


# --- actions ------------------------------------------------------------------------------------------------


def _known(action: str) -> bool:
    return action == "*" or bool(_matching(action.lower()))


@cache
def _any_action() -> Action:
    """An action with the keys of all."""
    return Action("*", (), frozenset().union(*[action.keys for action in actions("s3").values()]))


def _named(action: str) -> Action | None:
    return actions("s3").get(action.lower().removeprefix("s3:"))


@lru_cache(limits.CONDITION_VALUES_CACHED)
def _matching(action: str) -> tuple[Action, ...]:
    """The actions of S3 that a pattern in lower case covers."""
    vendor, _, name = action.partition(":")
    if vendor not in ("s3", "*"):
        return ()
    test = glob_text(name)
    assert not isinstance(test, Template)  # noqa: S101  actions have no variables
    return tuple([found for known, found in actions("s3").items() if test(known)])


def _fits(action: str, types: set[str]) -> bool:
    if action == "*":
        return True
    return any(not types.isdisjoint([kind.name for kind in found.resources]) for found in _matching(action.lower()))


# --- resources ----------------------------------------------------------------------------------------------


def _is_of_s3(resource: str) -> bool:
    return resource == "*" or (resource.startswith(_PREFIX) and resource not in (_PREFIX, f"{_PREFIX}/"))


def _types(resource: str) -> tuple[str, ...]:
    """Whether a pattern may cover buckets, objects or both: `b*` runs on over the slash, `b/*` begins after it."""
    if resource == "*":
        return _BUCKET, _OBJECT
    bucket, slash, _ = resource.removeprefix(_PREFIX).partition("/")
    if slash:
        return (_OBJECT,)
    return (_BUCKET, _OBJECT) if "*" in bucket else (_BUCKET,)
