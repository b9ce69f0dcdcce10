"""Rules about Resource and NotResource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from daypass.policy_tools import published
from daypass.policy_tools.arns import meet
from daypass.policy_tools.findings import Finding, Rule, Severity, listing
from daypass.policy_tools.published import EVERYTHING
from daypass.policy_tools.written import Document, Element, Statement

ACTION_FITS_NO_RESOURCE: Final = Rule(
    "action-fits-no-resource",
    Severity.WARNING,
    "An action acts on no resource that the statement names, so the statement says nothing about it.",
    "Name a resource of a type that the action acts on: a bucket for s3:ListBucket, its objects for s3:GetObject.",
)
NOT_RESOURCE_ALLOW: Final = Rule(
    "not-resource-allow",
    Severity.WARNING,
    "Allow with NotResource grants actions on every resource but those named, also on those to come.",
    "List the resources under Resource; to take some away, add a Deny.",
)
SHORT_ARN: Final = Rule(
    "short-arn",
    Severity.WARNING,
    "A Resource has fewer than six parts; those that are missing count as `*`, and `arn:*` is such a short ARN.",
    "Write the ARN in full, or `*` for every resource.",
)
RULES: Final = (ACTION_FITS_NO_RESOURCE, NOT_RESOURCE_ALLOW, SHORT_ARN)


def findings(statement: Statement, document: Document) -> Iterator[Finding]:
    resource = statement.resource
    if resource is None:
        return
    for value in resource.values:
        missing = 5 - value.text.count(":")
        if value.text != "*" and missing > 0:
            meant = value.text + ":*" * missing
            yield Finding(SHORT_ARN, value.path, f"`{value.text}` has fewer than six parts; it is read as `{meant}`")
    if resource.negated:
        if statement.allow:
            yield Finding(NOT_RESOURCE_ALLOW, resource.path, _not_resource(statement))
        return
    if not statement.action.negated:
        for action in statement.action.values:
            if fits_nothing(action.text, resource):
                yield Finding(ACTION_FITS_NO_RESOURCE, action.path, _misfit(action.text))


def fits_nothing(pattern: str, resource: Element) -> bool:
    """Whether published actions are covered, but none of them acts on a resource that the element names."""
    if pattern in EVERYTHING or "*" in resource.texts:
        return False
    found = published.matching(pattern)
    types = {type_.arn for action in found for type_ in action.resources}
    return bool(found) and not any(meet(text, arn) for arn in types for text in resource.texts)


def _misfit(pattern: str) -> str:
    names = sorted({type_.name for action in published.matching(pattern) for type_ in action.resources})
    if not names:
        return f'`{pattern}` takes no resource: only a Resource of "*" matches it'
    arns = [type_.arn for action in published.matching(pattern) for type_ in action.resources]
    example = min(arns, key=len).replace("%", "*").replace("arn:*", "arn:aws", 1)
    return f"`{pattern}` acts on {listing(names)}, and Resource names none (`{example}` would be one)"


def _not_resource(statement: Statement) -> str:
    what = "every action" if statement.action.negated else listing(statement.action.texts)
    return f"Allow with NotResource grants {what} on every other resource, also on those to come"
