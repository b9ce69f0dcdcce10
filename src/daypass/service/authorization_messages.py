"""Encoded authorization messages: why a request was denied, sealed for whoever may call DecodeAuthorizationMessage.

A denial's text names one kind of policy and no more: statements and context are not the caller's to see. Its message
holds them, opens under the key ring alone, for the account of the caller and for a day. What does not fit is left out,
the statements that did not match first.

    offset  bytes  content (of the text's base64url, without padding)
    0       1      FORMAT
    1       4      id of the key-ring key, big-endian
    5       24     salt, random
    29      …      AES-256-GCM of the deflated JSON; bytes 0-28 are authenticated with it; the key is the message's own

Source: AWS Security Token Service API Reference, DecodeAuthorizationMessage, for the members of the decoded message;
AWS re:Post and public issue reports for their form. `explanation` is Daypass's own.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from daypass import limits
from daypass.policy import Explanation, Outcome, PolicyKind, PolicySet, Request, explain
from daypass.policy.explain import Near
from daypass.service.caller import Caller
from daypass.service.ports import Entropy
from daypass.token import SALT_BYTES, KeyRing

FORMAT: Final = 1
_PURPOSE: Final = b"daypass authorization message v1"
_NONCE: Final = bytes(12)  # constant, because the key is used for this one message only
_HEADER_BYTES: Final = 1 + 4 + SALT_BYTES
# Whose text is the organisation's: an account may learn that they denied, not what they say.
_OF_THE_ORGANISATION: Final = frozenset({PolicyKind.SERVICE_CONTROL, PolicyKind.RESOURCE_CONTROL})


class InvalidMessage(Exception):
    """Not ours, damaged, another account's, or over."""


def seal(
    caller: Caller, question: Request, policies: PolicySet, key_ring: KeyRing, entropy: Entropy, now: datetime
) -> str:
    """The message of a denial: at most limits.AUTHORIZATION_MESSAGE_CHARS characters of A-Z a-z 0-9 - _."""
    explanation = explain(question, policies, at_most=limits.AUTHORIZATION_MESSAGE_STATEMENTS)
    near = explanation.statements
    for kept in (near, [each for each in near if not each.failures], []):
        sealed = _sealed(_content(caller, explanation, kept), caller.account.account_id, now, key_ring, entropy)
        if len(sealed) <= limits.AUTHORIZATION_MESSAGE_CHARS:
            return sealed
    # A context of that size is the caller's own doing; the outcome is told without it.
    bare = {"allowed": False, "explicitDeny": explanation.decision.outcome is Outcome.EXPLICITLY_DENIED}
    return _sealed(bare, caller.account.account_id, now, key_ring, entropy)


def open_message(text: str, key_ring: KeyRing, account_id: str, now: datetime) -> str:
    """What was sealed, as JSON text.

    Raises:
        InvalidMessage
    """
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        if len(raw) <= _HEADER_BYTES or raw[0] != FORMAT or _text(raw) != text:
            raise InvalidMessage
        header = raw[:_HEADER_BYTES]
        key = key_ring.derive(int.from_bytes(header[1:5]), _PURPOSE, header[5:])
        deflated = AESGCM(key).decrypt(_NONCE, raw[_HEADER_BYTES:], header)
        body = json.loads(zlib.decompress(deflated))
    except (ValueError, KeyError, InvalidTag, zlib.error):
        raise InvalidMessage from None
    age = now.timestamp() - body["sealed"]
    if body["account"] != account_id or not 0 <= age + 1 <= limits.AUTHORIZATION_MESSAGE_SECONDS:
        raise InvalidMessage
    return json.dumps(body["message"], ensure_ascii=False, separators=(",", ":"))


def _sealed(message: dict[str, Any], account_id: str, now: datetime, key_ring: KeyRing, entropy: Entropy) -> str:
    body = {"account": account_id, "sealed": int(now.timestamp()), "message": message}
    salt = entropy.bytes(SALT_BYTES)
    header = bytes((FORMAT,)) + key_ring.current.to_bytes(4) + salt
    key = key_ring.derive(key_ring.current, _PURPOSE, salt)
    deflated = zlib.compress(json.dumps(body, ensure_ascii=False).encode(), 6)
    return _text(header + AESGCM(key).encrypt(_NONCE, deflated, header))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _content(caller: Caller, explanation: Explanation, kept: Sequence[Near]) -> dict[str, Any]:
    """The message as AWS's has it, and beside it the reasoning."""
    question, decision = explanation.request, explanation.decision
    return {
        "allowed": False,
        "explicitDeny": decision.outcome is Outcome.EXPLICITLY_DENIED,
        "matchedStatements": _items(_statement(near) for near in kept if not near.failures),
        "failures": _items(()),
        "context": {
            "principal": {
                "id": caller.user_id,
                "name": (question.principal.arn or "").rpartition("/")[2],
                "arn": question.principal.arn,
            },
            "action": question.action,
            "resource": question.resource,
            "conditions": _items(_condition(key, value) for key, value in sorted(question.context.items())),
        },
        "explanation": {
            "outcome": decision.outcome.value,
            "decidedBy": None if decision.decided_by is None else decision.decided_by.value,
            "summary": explanation.summary(),
            "statements": [_told(near) for near in kept],
        },
    }


def _told(near: Near) -> dict[str, Any]:
    return {
        "statement": str(near.statement),
        "effect": near.effect,
        "matched": not near.failures,
        "principal": near.form,
        "failures": [
            {"element": failure.element, "expected": failure.expected, "got": failure.got, "reason": failure.reason}
            for failure in near.failures
            if near.statement.kind not in _OF_THE_ORGANISATION
        ],
    }


def _statement(near: Near) -> dict[str, Any]:
    source = near.source
    says_nothing = near.statement.kind in _OF_THE_ORGANISATION
    principals = source.principal.values if source.principal is not None else ()
    resources = source.resource.values if source.resource is not None else ()
    return {
        "statementId": near.statement.sid or "",
        "effect": near.effect.upper(),
        "principals": _values(() if says_nothing else principals),
        "principalGroups": _items(()),
        "actions": _values(() if says_nothing else source.action.values),
        "resources": _values(() if says_nothing else resources),
        "conditions": _items(
            () if says_nothing else [_condition(each.key, each.values) for each in source.conditions()]
        ),
    }


def _condition(key: str, value: str | tuple[str, ...]) -> dict[str, Any]:
    return {"key": key, "values": _values(value if isinstance(value, tuple) else (value,))}


def _values(values: Iterable[str]) -> dict[str, list[object]]:
    return _items({"value": value} for value in values)


def _items(items: Iterable[object]) -> dict[str, list[object]]:
    return {"items": [*items]}
