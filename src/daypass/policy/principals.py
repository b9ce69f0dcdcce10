"""Principal and NotPrincipal: whom a resource-based policy names, and in which form.

The form decides what limits an Allow: naming a session itself is stronger than naming the role or user behind
it, and naming an account only delegates to the account's own policies.

Source: IAM User Guide, "AWS JSON policy elements: Principal", "NotPrincipal", and the table of resource-based
policies and implicit denies in "Policy evaluation logic".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from daypass.names import PARTITION
from daypass.policy.match import Context
from daypass.policy.request import Principal, PrincipalKind

ANYONE: Final = "*"
FEDERATED_PROVIDER: Final = "aws:federatedprovider"

_ACCOUNT: Final = re.compile(r"(?P<id>[0-9]{12})|arn:(?P<partition>[a-z-]+):iam::(?P<root>[0-9]{12}):root", re.ASCII)
_NAME: Final = re.compile(
    r"arn:[a-z-]+:iam::[0-9]{12}:(?:user|role)/[\x21-\x7e]+"
    r"|arn:[a-z-]+:sts::[0-9]{12}:(?:assumed-role/[\x21-\x7e]+/[\x21-\x7e]+|federated-user/[\x21-\x7e]+)"
    r"|(?:AIDA|AROA)[A-Z0-9]{12,124}",
    re.ASCII,
)
_SERVICE: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII)
_PROVIDER: Final = re.compile(
    r"arn:[a-z-]+:iam::[0-9]{12}:(?:saml-provider|oidc-provider)/[\x21-\x7e]+|[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.ASCII
)


class Form(IntEnum):
    """How a statement names a caller, weakest first."""

    NOT_NAMED = 0
    ACCOUNT = 1  # delegates: the caller's own policies must allow too
    ISSUER = 2  # the role or user behind the session, or a role: boundary and session policies limit
    FINAL = 3  # the caller itself, or everyone: nothing but an explicit deny limits


@dataclass(frozen=True, slots=True)
class Principals:
    """The callers a Principal or NotPrincipal element lists. names: ARNs and unique ids."""

    anyone: bool
    accounts: frozenset[str]
    names: frozenset[str]
    services: frozenset[str]
    providers: frozenset[str]

    def form(self, caller: Principal, context: Context) -> Form:
        """The strongest form in which the list names the caller."""
        if self.anyone:
            return Form.FINAL
        if self._lists_itself(caller):
            return Form.ISSUER if caller.kind is PrincipalKind.ROLE else Form.FINAL
        if caller.issuer_arn in self.names or caller.issuer_id in self.names:
            return Form.ISSUER
        if caller.account_id in self.accounts:
            return Form.ACCOUNT
        if caller.kind is PrincipalKind.SERVICE and caller.arn in self.services:
            return Form.FINAL
        # A web identity or SAML assertion is presented without a signature; its provider is in the context.
        if caller.kind is PrincipalKind.ANONYMOUS and context.get(FEDERATED_PROVIDER) in self.providers:
            return Form.FINAL
        return Form.NOT_NAMED

    def exempts(self, caller: Principal) -> bool:
        """Whether the list, as a NotPrincipal, keeps its statement off the caller: only by naming it itself.

        Naming the account or the role behind a session is not enough; AWS documents that such a list may deny.
        """
        if self.anyone or self._lists_itself(caller):
            return True
        if caller.kind is PrincipalKind.ROOT:
            return caller.account_id in self.accounts
        return caller.kind is PrincipalKind.SERVICE and caller.arn in self.services

    def _lists_itself(self, caller: Principal) -> bool:
        return caller.arn in self.names or caller.unique_id in self.names


def parse_principals(element: str | Mapping[str, Iterable[str]]) -> Principals | None:
    """The callers that a Principal element's value lists; None if one of them cannot be a principal.

    CanonicalUser is refused: no account here has a canonical user id that a Deny could rely on.
    """
    if element == ANYONE:
        return Principals(True, frozenset(), frozenset(), frozenset(), frozenset())
    if isinstance(element, str):
        return None
    aws = list(element.get("AWS", ()))
    services = frozenset(element.get("Service", ()))
    providers = frozenset(element.get("Federated", ()))
    found = [match for value in aws if (match := _ACCOUNT.fullmatch(value)) is not None]
    # The account of another partition is another account, whatever its number.
    accounts = frozenset([match["id"] or match["root"] for match in found if match["partition"] in (None, PARTITION)])
    names = frozenset([value for value in aws if value != ANYONE and _ACCOUNT.fullmatch(value) is None])
    known = (
        element.keys() <= {"AWS", "Service", "Federated"}
        and all(_NAME.fullmatch(name) and "*" not in name for name in names)
        and all(_SERVICE.fullmatch(service) for service in services)
        and all(_PROVIDER.fullmatch(provider) for provider in providers)
    )
    if not known:
        return None
    return Principals(ANYONE in aws, accounts, names, services, providers)
