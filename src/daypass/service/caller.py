"""Who is calling, once proven: Caller, or Anonymous. Only authenticate makes them.

Owns how each kind of credentials becomes a principal. What it may do is service.authorize's work.

Source: IAM User Guide, "Request context keys: principal properties" for what each kind of caller brings, and
"IAM identifiers" for how it is called.
"""

from __future__ import annotations

from typing import Final

import msgspec

from daypass import names, token
from daypass.policy import Principal, PrincipalKind
from daypass.service.ports import Account, Role, User
from daypass.token import Session


class Caller(msgspec.Struct, frozen=True, eq=False):
    """A caller whose signature was verified. Compared by identity: what is known of a caller is kept beside it.

    principal: as the policy engine sees it.
    user_id: what GetCallerIdentity and aws:userid call it: `AIDA…`, the account id (root), `account:Name` (federated),
        `AROA…:session` (role session).
    access_key_id: of the credentials that signed.
    account: the principal's account, as it is now.
    user: the IAM user: the caller, or the issuer of its session; None for root, for what root issued, and for roles.
    session: what the presented token held; None for long-term keys.
    role: of a role session.
    """

    principal: Principal
    user_id: str
    access_key_id: str
    account: Account
    user: User | None
    session: Session | None
    role: Role | None = None

    @property
    def session_kind(self) -> str | None:
        """One of the kinds of daypass.token; None for long-term keys."""
        return None if self.session is None else self.session.kind


class Anonymous:
    """A caller without any signature. A bad signature is an error, never this."""

    __slots__ = ()

    principal: Final = Principal(kind=PrincipalKind.ANONYMOUS)
    user_id: Final = "anonymous"


ANONYMOUS: Final = Anonymous()


def key_caller(access_key_id: str, account: Account, user: User | None) -> Caller:
    """The caller with a long-term key. user: None for root."""
    principal, user_id = _user_or_root(account, user)
    return Caller(principal, user_id, access_key_id, account, user, None)


def session_caller(session: Session, account: Account, user: User | None, role: Role | None) -> Caller:
    """The caller with a session token. user: who the session was issued to or by; None for root. role: of a role
    session, and of nothing else."""
    match session.kind:
        case token.ROLE_SESSION if role is not None:
            principal = Principal(
                PrincipalKind.ROLE_SESSION,
                arn=names.assumed_role_arn(account.account_id, role.name, session.name),
                account_id=account.account_id,
                issuer_arn=role.arn,
                issuer_id=role.role_id,
            )
            user_id = f"{role.role_id}:{session.name}"
        case token.FEDERATED_USER:
            principal = Principal(
                PrincipalKind.FEDERATED_USER,
                arn=names.federated_user_arn(account.account_id, session.name),
                account_id=account.account_id,
                issuer_arn=names.root_arn(account.account_id) if user is None else user.arn,
                issuer_id=session.issuer_id,
            )
            user_id = f"{account.account_id}:{session.name}"
        case token.USER_SESSION | token.ROOT_TASK:
            principal, user_id = _user_or_root(account, user)
        case kind:
            raise ValueError(f"a session of the kind `{kind}` has no principal")
    return Caller(principal, user_id, session.access_key_id, account, user, session, role)


def may_call_iam(caller: Caller) -> bool:
    """Whether IAM takes these credentials at all: not a federated user's, nor a user's session without MFA.

    Source: IAM User Guide, "Compare AWS STS credentials".
    """
    session = caller.session
    if session is None or session.kind in (token.ROLE_SESSION, token.ROOT_TASK):
        return True
    return session.kind == token.USER_SESSION and session.mfa_authenticated is not None


def _user_or_root(account: Account, user: User | None) -> tuple[Principal, str]:
    if user is None:
        arn = names.root_arn(account.account_id)
        return Principal(PrincipalKind.ROOT, arn=arn, account_id=account.account_id), account.account_id
    principal = Principal(PrincipalKind.USER, arn=user.arn, account_id=account.account_id, unique_id=user.user_id)
    return principal, user.user_id
