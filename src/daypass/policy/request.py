"""One question to the policy engine: who asks, what action, on which resource, in what context.

Source: IAM User Guide, "Policy evaluation logic", "The request context"; "AWS JSON policy elements: Principal".
Gathering these values is service.authorize's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class PrincipalKind(StrEnum):
    USER = "user"
    ROLE = "role"
    ROLE_SESSION = "role-session"
    FEDERATED_USER = "federated-user"
    ROOT = "root"
    SERVICE = "service"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    arn: the user's, root's or session's ARN (`assumed-role/…`, `federated-user/…`); the service principal's name
        (`logs.amazonaws.com`) of a service; None for anonymous.
    unique_id: `AIDA…` or `AROA…` of a user or role; None of anything else.
    issuer_arn: the role ARN behind a role session, the user (or root) ARN behind a federated user.
    issuer_id: `AROA…` or `AIDA…` of that issuer; the account id if root issued the session.
    """

    kind: PrincipalKind
    arn: str | None = None
    account_id: str | None = None
    unique_id: str | None = None
    issuer_arn: str | None = None
    issuer_id: str | None = None


class Request(NamedTuple):
    """One action on one resource. An API call that needs several makes several requests.

    action: as in `s3:GetObject`; compared without case.
    resource: an ARN, or `*` for an action without resource-level permissions.
    context: condition keys in lower case (`aws:principalarn`) → value; a tuple is a multivalued key.
    resource_account: the resource's owner; None means the caller's own account.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, str | tuple[str, ...]]
    resource_account: str | None = None
