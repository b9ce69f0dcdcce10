"""Session: what one set of temporary credentials is, as a value, with the contract for changing its sealed form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from daypass.names import Secret

FEDERATED_USER: Final = "federated-user"
ROLE_SESSION: Final = "role-session"
USER_SESSION: Final = "user-session"
ROOT_TASK: Final = "root-task"

ContextValue = str | tuple[str, ...]


class Session(msgspec.Struct, frozen=True):
    """What one set of temporary credentials is, sealed whole into its token.

    kind: FEDERATED_USER (GetFederationToken), ROLE_SESSION (AssumeRole and its like), USER_SESSION (GetSessionToken),
        ROOT_TASK (AssumeRoot).
    account_id: of the principal: for a role session the role's account.
    name: the federated user's name, or the role session's; empty for the other kinds.
    issuer_id: the unique id of the IAM user who called, or the account id if root did; of a role session the role's id.
    issued, expires: aware UTC, whole seconds; a session is over at `expires` itself.
    session_policy: the inline policy's text; None if none was passed.
    policy_arns: managed session policies, read at use, never copied.
    tags: session tags, keys as written.
    transitive_tags: keys of those tags that a role assumed with this session inherits.
    source_identity: set once, kept through every role that is assumed with this session.
    mfa_authenticated: when the MFA code was given; None if none was.
    scope_policies: of GetScopedCredentials, oldest first: each must allow, beside everything else.
    context: condition keys, in lower case, that the session brings to its requests (aws:federatedprovider, …).

    The contract for changing the format:
    - A new field goes to the end of `Body` or of `Narrowing`, with a default that means the old behaviour. `seal`
      leaves trailing defaults out, so tokens that do not use the field stay byte for byte what they were.
    - A node that finds more fields than it knows refuses the token: a field may narrow, and a narrowing
      that is not understood must not be ignored. Upgrade every node before the first token uses it.
    - Anything else (order, meaning, cipher, derivation) is a new FORMAT; the old one is opened for at
      least limits.FEDERATION_TOKEN_SECONDS_MAX after the last node has stopped sealing it.
    - tests/vectors/tokens.json holds golden bytes: rows are added, never changed.
    """

    kind: str
    account_id: str
    access_key_id: str
    secret: Secret
    name: str
    issuer_id: str
    issued: datetime
    expires: datetime
    session_policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa_authenticated: datetime | None = None
    scope_policies: tuple[str, ...] = ()
    context: Mapping[str, ContextValue] = msgspec.field(default_factory=dict)
