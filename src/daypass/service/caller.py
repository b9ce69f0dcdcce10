"""Who is calling, once proven: Caller, or Anonymous. Only authenticate makes them.

Source: IAM User Guide, "Request context keys: principal properties" for what each kind of caller brings.
"""

from __future__ import annotations

from typing import Final

import msgspec

from daypass.policy import Principal, PrincipalKind
from daypass.service.ports import Account, User
from daypass.token import Session


class Caller(msgspec.Struct, frozen=True, eq=False):
    """A caller whose signature was verified. Compared by identity: what is known of a caller is kept beside it.

    principal: as the policy engine sees it.
    user_id: what GetCallerIdentity and aws:userid call it: `AIDA…`, the account id (root), `account:Name` (federated).
    access_key_id: of the credentials that signed.
    account: the principal's account, as it is now.
    user: the IAM user: the caller, or the issuer of its session; None for root and for what root issued.
    session: what the presented token held; None for long-term keys.
    """

    principal: Principal
    user_id: str
    access_key_id: str
    account: Account
    user: User | None
    session: Session | None


class Anonymous:
    """A caller without any signature. A bad signature is an error, never this."""

    __slots__ = ()

    principal: Final = Principal(kind=PrincipalKind.ANONYMOUS)
    user_id: Final = "anonymous"


ANONYMOUS: Final = Anonymous()
