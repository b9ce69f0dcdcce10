"""What a token or an assertion of an identity provider hands to the role session: tags and source identity, checked.

Owns what AssumeRoleWithWebIdentity and AssumeRoleWithSAML have in common beyond a role session. An identity provider
is trusted to say who somebody is, and not to write what Daypass's own rules would refuse.

Source: IAM User Guide, "Pass session tags in AWS STS" (limits and names), "Monitor and control actions taken with
assumed roles" (source identity), "Troubleshoot SAML federation with IAM" (texts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from daypass import limits
from daypass.errors import ServiceError, access_denied
from daypass.service.actions import Check, Checks, ContextValue, Ports, UnsignedExchange
from daypass.service.ports import Role
from daypass.service.sts.marks import Marks
from daypass.service.sts.narrowing import tag_context
from daypass.service.sts.role_sessions import find_role, held_role, trust_check
from daypass.wire import model
from daypass.wire.model import ListShape, StringShape, StructureShape, pattern_of

_SOURCE_IDENTITY: Final = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}", re.ASCII)
_RESERVED: Final = "aws:"


def invalid_identity_token(message: str) -> ServiceError:
    return ServiceError("InvalidIdentityToken", 400, message)


def role_checks(ports: Ports, exchange: UnsignedExchange, action: str, marks: Marks, session_name: str) -> Checks:
    """What the role's trust policy must allow: the action itself, and what the session is marked with.

    marks: their context is the provider's word, and the session's as well.

    Raises:
        ServiceError: AccessDenied; there is no such role, which is answered like a denial.
    """
    arn = exchange.parameters["RoleArn"]
    role = held_role(ports, arn)
    if role is None:
        return _checks_once_found(ports, exchange, arn, action, marks, session_name)
    return _checks(exchange, role, action, marks, session_name)


async def _checks_once_found(
    ports: Ports, exchange: UnsignedExchange, arn: str, action: str, marks: Marks, session_name: str
) -> tuple[Check, ...]:
    role = await find_role(ports, arn)
    if role is None:
        raise access_denied(f"Not authorized to perform {action}")
    return _checks(exchange, role, action, marks, session_name)


def _checks(exchange: UnsignedExchange, role: Role, action: str, marks: Marks, session_name: str) -> tuple[Check, ...]:
    exchange.found["role"], exchange.found["marks"] = role, marks
    context = _context(marks, session_name) | dict(exchange.found["claims"])
    checks = [trust_check(action, role, context)]
    if marks.source_identity is not None:
        checks.append(trust_check("sts:SetSourceIdentity", role, context))
    if marks.tags:
        checks.append(trust_check("sts:TagSession", role, context))
    return tuple(checks)


def role_of(exchange: UnsignedExchange) -> tuple[Role, Marks]:
    """What role_checks found."""
    return exchange.found["role"], exchange.found["marks"]


def _context(marks: Marks, session_name: str) -> dict[str, ContextValue]:
    """The condition keys of the call alone; they are not the session's."""
    context = tag_context(marks.tags)
    context["sts:rolesessionname"] = session_name
    if marks.source_identity is not None:
        context["sts:sourceidentity"] = marks.source_identity
    if marks.transitive_tags:
        context["sts:transitivetagkeys"] = marks.transitive_tags
    return context


def checked_tags(tags: Sequence[tuple[str, str]], transitive: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tags and the keys of the transitive ones, as written.

    Raises:
        ServiceError: InvalidIdentityToken; a name or value that no tag has, a key twice, or too many.
    """
    keys = {key.lower(): key for key, _ in tags}
    if (
        len(keys) != len(tags)
        or len(tags) > limits.TAGS_PER_ENTITY
        or not all(_is(_KEY, key) and _is(_VALUE, value) for key, value in tags)
        or any(text.lower().startswith(_RESERVED) for pair in tags for text in pair)
        or not {key.lower() for key in transitive} <= keys.keys()
    ):
        raise invalid_identity_token("Unable to validate tags")
    return dict(tags), tuple(dict.fromkeys([keys[key.lower()] for key in transitive]))


def checked_source_identity(text: str) -> str:
    """Raises ServiceError: InvalidIdentityToken."""
    if _SOURCE_IDENTITY.fullmatch(text) is None or text.lower().startswith(_RESERVED):
        raise invalid_identity_token('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"')
    return text


def unique_keys(pairs: Sequence[tuple[str, ContextValue]]) -> Mapping[str, ContextValue]:
    """Condition keys in lower case; they are compared without case, so none may be given twice.

    Raises:
        ServiceError: InvalidIdentityToken.
    """
    found = {key.lower(): value for key, value in pairs}
    if len(found) != len(pairs):
        raise invalid_identity_token("Two claims have the same name but for its case")
    return found


def _tag_shapes() -> tuple[StringShape, StringShape]:
    """Of a session tag's key and value, as the model has them."""
    match model.load("sts").operations["AssumeRole"].input:
        case StructureShape(members=parameters):
            match parameters["Tags"].shape:
                case ListShape(element=StructureShape(members=tag)):
                    match tag["Key"].shape, tag["Value"].shape:
                        case StringShape() as key, StringShape() as value:
                            return key, value
    raise AssertionError("the model has no session tags")


def _is(shape: StringShape, text: str) -> bool:
    return (
        (shape.min or 0) <= len(text) <= (shape.max or 0)
        and shape.pattern is not None
        and pattern_of(shape.pattern).fullmatch(text) is not None
    )


_KEY, _VALUE = _tag_shapes()
