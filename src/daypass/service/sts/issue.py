"""Temporary credentials: drawn from randomness alone, and sealed with what they are into their token.

Owns how credentials are made and how an answer shows them. What goes into a session is each action's affair.

Source: AWS Security Token Service API Reference, "Credentials"; IAM User Guide, "IAM identifiers".
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from daypass import names, token
from daypass.names import Secret
from daypass.service.actions import Ports
from daypass.service.sts.narrowing import packed_policy_too_large
from daypass.token import Session, TokenTooLarge

_MOMENTS_KEPT: Final = 64  # many sessions begin within a second, and end within another
_SECRET_BYTES: Final = 30  # 40 characters of base64, as AWS's secret access keys have
_SALT_AT: Final = names.ID_ENTROPY_BYTES + _SECRET_BYTES
_DRAWN_BYTES: Final = _SALT_AT + token.SALT_BYTES


def draw(ports: Ports, account_id: str) -> tuple[str, Secret, bytes]:
    """New credentials of an account: an access key id, its secret, and the salt that its token is sealed with."""
    entropy = ports.entropy.bytes(_DRAWN_BYTES)
    access_key_id = names.make_id(names.TEMPORARY_KEY, account_id, entropy[: names.ID_ENTROPY_BYTES])
    secret = binascii.b2a_base64(entropy[names.ID_ENTROPY_BYTES : _SALT_AT], newline=False).decode("ascii")
    return access_key_id, Secret(secret), entropy[_SALT_AT:]


def lifetime(received: datetime, seconds: int) -> tuple[datetime, datetime]:
    """When a session that was asked for then is issued and when it is over, in whole seconds."""
    began = int(received.timestamp())
    return _moment(began), _moment(began + seconds)


@lru_cache(maxsize=_MOMENTS_KEPT)
def _moment(epoch_seconds: int) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, UTC)


def issued(ports: Ports, session: Session, salt: bytes, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The members that every answer with credentials has.

    Raises:
        ServiceError: PackedPolicyTooLarge; the session does not fit its token.
    """
    try:
        sealed = token.seal(session, ports.key_ring, salt, parameters.get("MinimumSessionTokenSize", 0))
    except TokenTooLarge as too_large:
        only_tags = session.session_policy is None and not session.policy_arns and not session.scope_policies
        raise packed_policy_too_large(token.utilization_percent(too_large.size), only_tags=only_tags) from None
    size = len(sealed)
    return {
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret.reveal(),
            "SessionToken": sealed,
            "Expiration": session.expires,
        },
        "SessionTokenUtilization": token.utilization_percent(size),
        "SessionTokenSize": size,
    }
