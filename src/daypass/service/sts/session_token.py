"""GetSessionToken: a user's own permissions under temporary credentials, with a mark that MFA was given.

Source: AWS Security Token Service API Reference, GetSessionToken; IAM User Guide, "Permissions for GetSessionToken".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from daypass import limits, token
from daypass.errors import access_denied
from daypass.service import mfa
from daypass.service.actions import Exchange, Ports
from daypass.service.sts.issue import draw, issued
from daypass.token import Session


async def get_session_token(ports: Ports, exchange: Exchange) -> Mapping[str, Any]:
    """Temporary credentials of the calling user or root. Needs no permission, and no policy can deny it."""
    caller, parameters = exchange.caller, exchange.parameters
    received = exchange.request.received
    if caller.session is not None:
        raise access_denied("Cannot call GetSessionToken with session credentials")
    proof = await mfa.check(ports.identities, ports.wrong_codes, caller, parameters, received)

    # Root is shortened to an hour, not refused.
    seconds = parameters.get("DurationSeconds", limits.FEDERATION_TOKEN_SECONDS_DEFAULT)
    if caller.user is None:
        seconds = min(seconds, limits.ROOT_SESSION_SECONDS_MAX)
    account_id = caller.account.account_id
    drawn, started = draw(ports, account_id), received.replace(microsecond=0)
    session = Session(
        kind=token.USER_SESSION,
        account_id=account_id,
        access_key_id=drawn.access_key_id,
        secret=drawn.secret,
        name="",
        issuer_id=account_id if caller.user is None else caller.user.user_id,
        issued=started,
        expires=started + timedelta(seconds=seconds),
        mfa_authenticated=None if proof is None else started,
    )
    answer = issued(ports, session, drawn.salt, parameters)
    if proof is not None:
        await proof.accept(ports.directory)
    return answer
