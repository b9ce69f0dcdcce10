"""What an API action is: the permission checks it needs, and the function that performs it.

Each service lists its actions in one table, ACTIONS (service.sts, service.iam); the edge runs every row the
same way: checks, then perform. An action without a row is not served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from daypass.policy import Policy
from daypass.service.caller import Caller
from daypass.service.issuer import SigningKeys
from daypass.service.issuer_keys import IssuerKeys
from daypass.service.mfa import WrongCodes
from daypass.service.ports import Directory, Entropy, IdentityReader
from daypass.token import KeyRing
from daypass.wire.http import RawRequest

ContextValue = str | tuple[str, ...]


class Check(msgspec.Struct, frozen=True):
    """One question to the policy engine: may the caller do this action on this resource?

    resource: an ARN, or `*` for an action without resource-level permissions.
    context: condition keys in lower case that this action adds to those every request has.
    resource_policy: the resource's own, such as a role's trust policy.
    resource_account: the resource's owner; None means the caller's account.
    tells_nothing: a denial does not say which kind of policy denied, as if there were no such resource.
    """

    action: str
    resource: str
    context: Mapping[str, ContextValue] = msgspec.field(default_factory=dict)
    resource_policy: Policy | None = None
    resource_account: str | None = None
    tells_nothing: bool = False


# What an action answers at once, or what has to be waited for, where something has.
Checks = tuple[Check, ...] | Awaitable[Sequence[Check]]
Result = dict[str, Any] | Awaitable[Mapping[str, Any]]


class Exchange(msgspec.Struct, frozen=True):
    """One authenticated call.

    parameters: checked against the model, by its member names.
    found: what the checks looked up, by what it is called: what is performed is done to that and to nothing else,
        even if something else has that name by then.
    """

    request: RawRequest
    request_id: str
    caller: Caller
    parameters: Mapping[str, Any]
    found: dict[str, Any] = msgspec.field(default_factory=dict)


class UnsignedExchange(msgspec.Struct, frozen=True):
    """One call that nobody signed. Fields as in Exchange.

    found: `provider` (its ARN) and `subject` (whom it says it is) go on record, once they are proven.
    """

    request: RawRequest
    request_id: str
    parameters: Mapping[str, Any]
    found: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ports:
    """What actions may use of the world.

    saml_recipients: addresses that assertions may be meant for, beside AWS's own.
    public_url: under which others reach Daypass; None: it issues no web identity tokens.
    signing_keys: those that sign them, opened.
    """

    identities: IdentityReader
    directory: Directory
    entropy: Entropy
    key_ring: KeyRing
    wrong_codes: WrongCodes = field(default_factory=WrongCodes)
    issuer_keys: IssuerKeys = field(default_factory=IssuerKeys)
    saml_recipients: frozenset[str] = frozenset()
    public_url: str | None = None
    signing_keys: SigningKeys = field(default_factory=SigningKeys)


@dataclass(frozen=True, slots=True)
class Action:
    """One served action.

    perform: returns the result by the model's member names; raises ServiceError.
    checks: what must be allowed first, all of it; None where AWS asks for no permission at all.
    sessions: the kinds of session (daypass.token) that may call it; None: any. Long-term keys are never among them.
    """

    perform: Callable[[Ports, Exchange], Result]
    checks: Callable[[Ports, Exchange], Checks] | None
    sessions: frozenset[str] | None = None

    def admits(self, caller: Caller) -> bool:
        """Whether callers with credentials of this kind may call it, whatever their permissions."""
        return caller.session is None or self.sessions is None or caller.session.kind in self.sessions


@dataclass(frozen=True, slots=True)
class UnsignedAction:
    """One served action that takes no signature: what is passed proves who calls, and its checks have it verified.

    A check is decided for an anonymous caller, whom aws:FederatedProvider of its context stands for in policies.
    """

    perform: Callable[[Ports, UnsignedExchange], Result]
    checks: Callable[[Ports, UnsignedExchange], Checks]
