"""GetScopedCredentials: temporary credentials in, narrower ones of the same session out; again and again.

Nothing is widened: each call's policy is one more that must allow, and the expiry is at most the calling session's.
Identity, tags and time of issue are kept, so that what revokes the calling session (aws:TokenIssueTime) revokes what
came of it.

Source: AWS Security Token Service API Reference, GetScopedCredentials; IAM User Guide, "Permissions for
GetScopedCredentials". Its errors are not published yet: they are those of the sibling operations.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import msgspec

from daypass import limits
from daypass.errors import ServiceError, access_denied, validation_error
from daypass.service.actions import Check, Exchange, Ports
from daypass.service.sts.issue import draw, issued
from daypass.service.sts.narrowing import check_grammar, packed_policy_too_large
from daypass.wire.query import parse_form

_KNOWN: Final = frozenset({"Action", "Version", "Policy", "DurationSeconds", "MinimumSessionTokenSize"})


def scoped_checks(ports: Ports, exchange: Exchange) -> tuple[Check, ...]:
    """sts:GetScopedCredentials, on no resource. What the calling session may not do, its scoped one may not either.

    Raises:
        ServiceError: ValidationError; a parameter that is not known here. Elsewhere such a one is passed over, as AWS
            does, but this operation has one more than its published pages show, and it may be one that narrows.
    """
    passed = parse_form(exchange.request).parameters
    unknown = sorted([name for name in passed if name not in _KNOWN and not name.startswith("X-Amz-")])
    if unknown:
        raise validation_error(f"GetScopedCredentials has a parameter that Daypass does not know: {unknown[0][:128]}")
    return (Check("sts:GetScopedCredentials", "*"),)


def get_scoped_credentials(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    """New credentials of the calling session, with fewer permissions, a shorter life, or both."""
    caller, parameters = exchange.caller, exchange.parameters
    session = caller.session
    if session is None:
        raise access_denied("Cannot call GetScopedCredentials with long-term credentials")
    policy, seconds = parameters.get("Policy"), parameters.get("DurationSeconds")
    if policy is None and seconds is None:
        raise validation_error("GetScopedCredentials needs a Policy, a DurationSeconds, or both.")

    # 1. The expiry: asked for, within what remains of the session.
    expires = session.expires
    if seconds is not None:
        expires = exchange.request.received.replace(microsecond=0) + timedelta(seconds=seconds)
        if expires > session.expires:
            raise ServiceError(
                "SessionDurationEscalationException",
                403,
                "The requested duration would extend the session beyond its original expiration time.",
            )

    # 2. The policy: one more that must allow, beside those of earlier calls.
    scope_policies = session.scope_policies
    if policy is not None:
        check_grammar(policy)
        scope_policies = (*scope_policies, policy)
        characters = len(policy)
        if characters > limits.SESSION_POLICY_CHARS:
            raise packed_policy_too_large(-(-characters * 100 // limits.SESSION_POLICY_CHARS), only_tags=False)

    # 3. The same session under other credentials.
    access_key_id, secret, salt = draw(ports, session.account_id)
    scoped = msgspec.structs.replace(
        session,
        access_key_id=access_key_id,
        secret=secret,
        expires=expires,
        scope_policies=scope_policies,
    )
    return issued(ports, scoped, salt, parameters)
