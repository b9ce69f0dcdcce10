"""Principals of a policy that is kept: users and roles stand in it as their unique ids, and are shown as ARNs.

So a user or a role made anew under an old name inherits no grant. Which policies are kept so, and how a refusal is
worded, is their services' knowledge.

Source: IAM User Guide, "AWS JSON policy elements: Principal" (an ARN is saved as the unique id, and shown as that id
once the user or role is gone).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from daypass.names import PARTITION, ROLE_ID, USER_ID, is_account_id
from daypass.service.ports import Directory, IdentityReader

_ENTITY_ARN: Final = re.compile(
    rf"arn:{PARTITION}:iam::([0-9]{{12}}):(user|role)/(?:[!-~]*/)?([\w+=,.@-]{{1,64}})", re.ASCII
)
_ROOT_ARN: Final = re.compile(rf"arn:{PARTITION}:iam::([0-9]{{12}}):root", re.ASCII)
_FEDERATED_USER_ARN: Final = re.compile(
    rf"arn:{PARTITION}:sts::([0-9]{{12}}):federated-user/[\w+=,.@-]{{2,32}}", re.ASCII
)
_ROLE_SESSION_ARN: Final = re.compile(
    rf"arn:{PARTITION}:sts::([0-9]{{12}}):assumed-role/([\w+=,.@-]{{1,64}})/[\w+=,.@-]{{2,64}}", re.ASCII
)
_UNIQUE_IDS: Final = (USER_ID, ROLE_ID)


async def bind(policy: Any, identities: IdentityReader, directory: Directory) -> str | None:
    """Put unique ids in the place of ARNs, in a decoded document that the grammar has accepted.

    Returns: the first AWS principal that nobody here has, as written: it could only be a slip, or a name that somebody
        else is given later. None if there is none.
    """
    kept: dict[str, str] = {}
    for values, place in _aws_principals(policy):
        written: str = values[place]
        if written not in kept:
            found = await _kept(written, identities, directory)
            if found is None:
                return written
            kept[written] = found
        values[place] = kept[written]
    return None


def unique_ids(policy: Any) -> set[str]:
    """The unique ids of users and roles that stand in a document as it is kept."""
    return {values[place] for values, place in _aws_principals(policy) if values[place].startswith(_UNIQUE_IDS)}


def name(policy: Any, arns: Mapping[str, str]) -> None:
    """Put ARNs in the place of unique ids. arns: of those who are still there."""
    for values, place in _aws_principals(policy):
        values[place] = arns.get(values[place], values[place])


def decode(text: str | bytes) -> Any:
    """A document that the grammar has accepted. Its numbers become texts, which mean the same to it."""
    return json.loads(text, parse_int=str, parse_float=str)


def encode(policy: Any) -> str:
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)


def _aws_principals(policy: Any) -> Iterator[tuple[Any, Any]]:
    """Each AWS principal as the list or object that it stands in, and its index or key there."""
    statements = policy["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if isinstance(principals, dict) and "AWS" in principals:
                listed = principals["AWS"]
                if isinstance(listed, list):
                    yield from [(listed, index) for index in range(len(listed))]
                else:
                    yield principals, "AWS"


async def _kept(principal: str, identities: IdentityReader, directory: Directory) -> str | None:
    """An AWS principal as it is kept; None if there is no such principal."""
    if principal == "*":
        return principal
    if principal.startswith(_UNIQUE_IDS):
        return principal if principal in await directory.find_arns([principal]) else None
    if named := _ENTITY_ARN.fullmatch(principal):
        account_id, kind, name_ = named.groups()
        entity = await (directory.find_user if kind == "user" else directory.find_role)(account_id, name_)
        return entity.entity_id if entity is not None and entity.arn == principal else None
    if session := _ROLE_SESSION_ARN.fullmatch(principal):
        return principal if await directory.find_role(session[1], session[2]) is not None else None
    account_id = principal
    if whole := _ROOT_ARN.fullmatch(principal) or _FEDERATED_USER_ARN.fullmatch(principal):
        account_id = whole[1]
    if is_account_id(account_id) and await identities.account(account_id) is not None:
        return principal
    return None
