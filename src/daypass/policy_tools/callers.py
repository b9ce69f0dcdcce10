"""A caller as people name it, an ARN mostly, and the condition keys that follow from who it is.

Source: IAM User Guide, "IAM identifiers" and "AWS global condition context keys", "Properties of the principal"
(which kind of caller has which key).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from daypass.policy import Principal, PrincipalKind

ANONYMOUS: Final = "anonymous"

_PRINCIPAL_TYPES: Final = {
    PrincipalKind.USER: "User",
    PrincipalKind.ROLE: "AssumedRole",
    PrincipalKind.ROLE_SESSION: "AssumedRole",
    PrincipalKind.FEDERATED_USER: "FederatedUser",
    PrincipalKind.ROOT: "Account",
    PrincipalKind.ANONYMOUS: "Anonymous",
}


class UnknownCaller(ValueError):
    """A text that names no caller."""


def principal(name: str, issuer_arn: str | None = None, kind: PrincipalKind | None = None) -> Principal:
    """Who an ARN, an AWS service's name or `anonymous` names.

    issuer_arn: of the role behind a role session, the user or root user behind a federated user.
    kind: if it is to be said, and not told from the ARN.

    Raises:
        UnknownCaller: it names nobody.
    """
    if name in (ANONYMOUS, "*"):
        return Principal(PrincipalKind.ANONYMOUS)
    if not name.startswith("arn:"):
        if kind in (None, PrincipalKind.SERVICE) and name.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            return Principal(PrincipalKind.SERVICE, arn=name)
        raise UnknownCaller(f"`{name}` is no ARN, no AWS service such as `logs.amazonaws.com`, and not `anonymous`")
    found = kind or _kind_of(name)
    account_id = name.split(":", 5)[4] if name.count(":") >= 5 else ""
    if found is None or not account_id:
        raise UnknownCaller(f"`{name}` is no ARN of a user, role, session or root user")
    made = Principal(found, arn=name, account_id=account_id, issuer_arn=issuer_arn)
    if issuer_arn is None and found is PrincipalKind.ROLE_SESSION:
        # The role's ARN has its path, which the session's leaves out: without being told, there is none.
        role = name.split("/")[1]
        made = replace(made, issuer_arn=f"arn:{name.split(':')[1]}:iam::{account_id}:role/{role}")
    return replace(made, issuer_id=issuer_id(made.issuer_arn))


def issuer_id(issuer_arn: str | None) -> str | None:
    """The account id of an issuer that is the root user: its unique id, which its ARN tells."""
    parts = (issuer_arn or "").split(":", 5)
    return parts[4] if len(parts) == 6 and parts[5] == "root" else None


def _kind_of(arn: str) -> PrincipalKind | None:
    parts = arn.split(":", 5)
    match parts[2:3], parts[5:6]:
        case ["iam"], ["root"]:
            return PrincipalKind.ROOT
        case ["iam"], [part] if part.startswith("user/"):
            return PrincipalKind.USER
        case ["iam"], [part] if part.startswith("role/"):
            return PrincipalKind.ROLE
        case ["sts"], [part] if part.startswith("assumed-role/") and part.count("/") == 2:
            return PrincipalKind.ROLE_SESSION
        case ["sts"], [part] if part.startswith("federated-user/"):
            return PrincipalKind.FEDERATED_USER
        case _:
            return None


def context(caller: Principal) -> dict[str, str]:
    """The condition keys that follow from who the caller is, in lower case; none that needs a unique id."""
    kind, arn, account = caller.kind, caller.arn, caller.account_id
    if kind is PrincipalKind.SERVICE:
        return {"aws:principalisawsservice": "true", "aws:principalservicename": arn or ""}
    found = {"aws:principaltype": _PRINCIPAL_TYPES[kind]}
    if kind is PrincipalKind.ANONYMOUS:
        return {**found, "aws:userid": "anonymous"}
    principal_arn = caller.issuer_arn if kind is PrincipalKind.ROLE_SESSION else arn
    found |= {"aws:principalaccount": account or "", "aws:principalarn": principal_arn or ""}
    found["aws:principalisawsservice"] = "false"
    match kind:
        case PrincipalKind.USER:
            found["aws:username"] = (arn or "").rpartition("/")[2]
        case PrincipalKind.FEDERATED_USER:
            found["aws:userid"] = f"{account}:{(arn or '').rpartition('/')[2]}"
        case PrincipalKind.ROOT:
            found["aws:userid"] = account or ""
        case _:
            pass
    return found
