"""How a statement names the caller, in the reference engine: Principal and NotPrincipal.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "NotPrincipal"; "Policy evaluation logic" for what each
form stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

ACCOUNT_ID_DIGITS = 12


class Form(Enum):
    """The rows of the table of rule 1.2: how strongly a statement names the caller."""

    ITSELF = "the user, the role session or the federated session"
    ISSUER = "the role behind a role session, the user behind a federated session"
    EVERYONE = "everyone"
    ACCOUNT = "the caller's account"


@dataclass(frozen=True, slots=True)
class Caller:
    kind: str
    arn: str | None
    account: str | None
    issuer_arn: str | None
    unique_id: str | None
    issuer_id: str | None


def caller_of(request: dict[str, Any]) -> Caller:
    return Caller(
        kind=request["principal_kind"],
        arn=request.get("principal_arn"),
        account=request.get("principal_account"),
        issuer_arn=request.get("issuer_arn"),
        unique_id=request.get("principal_id"),
        issuer_id=request.get("issuer_id"),
    )


def forms_naming(element: Any, caller: Caller) -> set[Form]:
    """Rule 1.3: every form in which a Principal element names the caller; empty when it does not."""
    if element == "*":
        return {Form.EVERYONE}
    forms = set()
    for principal_type, entries in element.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            form = form_of_entry(principal_type, entry, caller)
            if form is not None:
                forms.add(form)
    return forms


def form_of_entry(principal_type: str, entry: str, caller: Caller) -> Form | None:
    """Rule 1.3: one entry. Federated and CanonicalUser name nobody that the case format can express."""
    match principal_type:
        case "AWS":
            return form_of_aws_entry(entry, caller)
        case "Service":
            return Form.ITSELF if caller.kind == "service" and entry == caller.arn else None
        case _:
            return None


def form_of_aws_entry(entry: str, caller: Caller) -> Form | None:
    """Rule 1.3, rows `{"AWS": …}`: ARNs are compared exactly, with their path; a unique id is the entity itself."""
    if entry == "*":
        return Form.EVERYONE
    if caller.kind in ("anonymous", "service"):
        return None
    if names_account(entry, caller):
        return Form.ACCOUNT
    if entry in (caller.arn, caller.unique_id):
        # A role is what its sessions are issued from, so naming it is the role row, not the session row.
        return Form.ISSUER if caller.kind == "role" else Form.ITSELF
    if entry in (caller.issuer_arn, caller.issuer_id):
        return Form.ISSUER
    return None


def names_account(entry: str, caller: Caller) -> bool:
    """Rule 1.3: `123456789012` and `arn:aws:iam::123456789012:root` are the account. Rule 1.10.17: of one partition."""
    if len(entry) == ACCOUNT_ID_DIGITS and entry.isdigit():
        return entry == caller.account
    partition = (caller.arn or "").split(":")[1:2]
    return entry == f"arn:{''.join(partition)}:iam::{caller.account}:root"


def escapes_not_principal(element: Any, caller: Caller, boundary_attached: bool) -> bool:
    """Rule 1.3, NotPrincipal: exempt only if the caller's own ARN is listed (interim answer 1.13).

    Rule 1.2, Boundaries: whoever has a boundary is never exempt.
    """
    if boundary_attached:
        return False
    own = {Form.ITSELF}
    if caller.kind == "root":
        own = {Form.ACCOUNT}  # the root user's own ARN is the account's
    if caller.kind == "role":
        own = {Form.ISSUER}  # a role that is no session is named by its own ARN
    return bool(own & forms_naming(element, caller))
