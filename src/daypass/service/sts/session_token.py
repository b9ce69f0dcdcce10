"""GetSessionToken: a user's own permissions under temporary credentials, with a mark that MFA was given.

Source: AWS Security Token Service API Reference, GetSessionToken; IAM User Guide, "Permissions for GetSessionToken".
"""

from __future__ import annotations

from typing import Any

from daypass import limits, token
from daypass.errors import access_denied
from daypass.service import mfa
from daypass.service.actions import Exchange, Ports, Result
from daypass.service.sts.issue import draw, issued, lifetime
from daypass.token import Session


def get_session_token(ports: Ports, exchange: Exchange) -> Result:
    """Temporary credentials of the calling user or root. Needs no permission, and no policy can deny it."""
    if exchange.caller.session is not None:
        raise access_denied("Cannot call GetSessionToken with session credentials")
    if mfa.is_given(exchange.parameters):
        return _with_code(ports, exchange)
    return _issue(ports, exchange, has_mfa=False)


async def _with_code(ports: Ports, exchange: Exchange) -> dict[str, Any]:
    received = exchange.request.received
    proof = await mfa.check(ports.identities, ports.wrong_codes, exchange.caller, exchange.parameters, received)
    answer = _issue(ports, exchange, has_mfa=True)
    # The code is spent last: a call that fails for another reason leaves it good for the next.
    await proof.accept(ports.directory)
    return answer


def _issue(ports: Ports, exchange: Exchange, *, has_mfa: bool) -> dict[str, Any]:
    caller, parameters = exchange.caller, exchange.parameters
    # Root is shortened to an hour, not refused.
    seconds = parameters.get("DurationSeconds", limits.FEDERATION_TOKEN_SECONDS_DEFAULT)
    if caller.user is None:
        seconds = min(seconds, limits.ROOT_SESSION_SECONDS_MAX)
    account_id = caller.account.account_id
    access_key_id, secret, salt = draw(ports, account_id)
    begins, ends = lifetime(exchange.request.received, seconds)
    session = Session(
        kind=token.USER_SESSION,
        account_id=account_id,
        access_key_id=access_key_id,
        secret=secret,
        name="",
        issuer_id=account_id if caller.user is None else caller.user.user_id,
        issued=begins,
        expires=ends,
        mfa_authenticated=begins if has_mfa else None,
    )
    return issued(ports, session, salt, parameters)
