"""Whom a call is about, a user, a role or a group, and the permission check that follows from it.

A check never tells whether its target exists: one that is not there is checked under the path `/`. Only who passes
the check learns that there is none. Managed policies are service.iam.policy_targets'.

Source: Service Authorization Reference, "AWS Identity and Access Management": resource types and condition keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from daypass import limits, names
from daypass.errors import validation_error
from daypass.policy.catalog import actions
from daypass.service.actions import Check, ContextValue, Exchange, Ports
from daypass.service.iam import tagging
from daypass.service.iam.entity_tags import Taggable
from daypass.service.iam.faults import worded
from daypass.service.ports import Directory, Entity, NotFound, RoleRecord, UserRecord

Checks = Callable[[Ports, Exchange], Awaitable[Sequence[Check]]]  # the `checks` of a row of ACTIONS

_Found = TypeVar("_Found")

_BOUNDARY_KEY: Final = "iam:permissionsboundary"


class Target(Protocol):
    """A user, a role or a group, as its policies and its permission checks see it."""

    @property
    def entity_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def arn(self) -> str: ...

    @property
    def tags(self) -> Mapping[str, str]: ...

    @property
    def boundary(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of target.

    noun: IAM's word for it, of which it makes parameters (`UserName`), actions and quotas.
    arn: from account id, path and name. find: from account id and name.
    inline_chars, attached: the quotas of all its inline policies, and of attached ones.
    """

    entity: Entity
    noun: str
    arn: Callable[[str, str, str], str]
    find: Callable[[Directory, str, str], Coroutine[Any, Any, Target | None]]
    inline_chars: int
    attached: int

    @property
    def parameter(self) -> str:
        return f"{self.noun}Name"

    def words(self, name: str) -> dict[str, str]:
        """What faults.worded needs to speak of the target of that name."""
        return {
            self.noun.lower(): name,
            "kind": self.noun.lower(),
            "noun": self.noun,
            "holder": name,
            "inline_chars": str(self.inline_chars),
            "attached_max": str(self.attached),
        }


USER: Final = Kind(
    Entity.USER,
    "User",
    names.user_arn,
    lambda directory, account_id, name: directory.find_user(account_id, name),
    limits.USER_INLINE_POLICIES_CHARS,
    limits.MANAGED_POLICIES_PER_USER,
)
ROLE: Final = Kind(
    Entity.ROLE,
    "Role",
    names.role_arn,
    lambda directory, account_id, name: directory.find_role(account_id, name),
    limits.ROLE_INLINE_POLICIES_CHARS,
    limits.MANAGED_POLICIES_PER_ROLE,
)
GROUP: Final = Kind(
    Entity.GROUP,
    "Group",
    names.group_arn,
    lambda directory, account_id, name: directory.find_group(account_id, name),
    limits.GROUP_INLINE_POLICIES_CHARS,
    limits.MANAGED_POLICIES_PER_GROUP,
)


def account_id(exchange: Exchange) -> str:
    return exchange.caller.account.account_id


async def found(exchange: Exchange, called: str, looking: Coroutine[Any, Any, _Found | None]) -> _Found | None:
    """What is called so, looked up once a call: the check and what follows it are about the same thing."""
    if called in exchange.found:
        looking.close()
    else:
        exchange.found[called] = await looking
    known: _Found | None = exchange.found[called]
    return known


# --- users, roles and groups ---


async def find_target(kind: Kind, ports: Ports, exchange: Exchange) -> Target | None:
    """The target that the required parameter of its kind names."""
    name = exchange.parameters[kind.parameter]
    return await found(exchange, f"{kind.noun} {name}", kind.find(ports.directory, account_id(exchange), name))


async def require_target(kind: Kind, ports: Ports, exchange: Exchange) -> Target:
    """As find_target.

    Raises:
        ServiceError: NoSuchEntity.
    """
    target = await find_target(kind, ports, exchange)
    with worded(**kind.words(exchange.parameters[kind.parameter])):
        if target is None:
            raise NotFound(kind.entity)
    return target


async def target_check(
    kind: Kind, ports: Ports, exchange: Exchange, action: str, context: Mapping[str, ContextValue] | None = None
) -> Check:
    """The check of an action on the target that the call is about, with the target's own condition keys."""
    target = await find_target(kind, ports, exchange)
    resource = kind.arn(account_id(exchange), "/", exchange.parameters[kind.parameter])
    return _check(action, resource, target, context)


def _check(action: str, missing: str, target: Target | None, context: Mapping[str, ContextValue] | None) -> Check:
    """missing: the resource if there is no target."""
    if target is None:
        return Check(action, missing, dict(context or {}))
    own = tagging.resource_context(target.tags, "aws", "iam")
    known = actions("iam").get(action.removeprefix("iam:").lower())
    if target.boundary is not None and known is not None and known.has_key(_BOUNDARY_KEY):
        own[_BOUNDARY_KEY] = target.boundary
    return Check(action, target.arn, own | dict(context or {}))


def on_target(kind: Kind, action: str) -> Checks:
    """The checks of an action that needs its own permission on the target, and nothing more."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await target_check(kind, ports, exchange, action),)

    return checks


def taggable(kind: Kind) -> Taggable:
    async def require(ports: Ports, exchange: Exchange, action: str) -> Target:
        return await require_target(kind, ports, exchange)

    return Taggable(
        kind.noun,
        partial(target_check, kind),
        require,
        lambda exchange: kind.words(exchange.parameters[kind.parameter]),
    )


# --- users alone: the caller itself may be meant ---


async def find_user(ports: Ports, exchange: Exchange) -> UserRecord | None:
    """The user that UserName names, or without UserName the caller itself; None if that is root, or nobody.

    Raises:
        ServiceError: ValidationError; without UserName a role session means nobody, and must not be taken for root.
    """
    name = exchange.parameters.get("UserName")
    if name is not None:
        return await found(exchange, f"User {name}", ports.directory.find_user(account_id(exchange), name))
    if exchange.caller.role is not None:
        raise validation_error("Must specify userName when calling with non-User credentials")
    caller = exchange.caller.user
    if caller is None:
        return None
    boundary = None if caller.boundary is None else caller.boundary.id
    return UserRecord(
        caller.user_id, caller.account_id, caller.name, caller.path, caller.created, caller.tags, boundary
    )


async def require_user(ports: Ports, exchange: Exchange) -> UserRecord:
    """The user that the required UserName names.

    Raises:
        ServiceError: NoSuchEntity.
    """
    user = await find_user(ports, exchange)
    with worded(**USER.words(exchange.parameters["UserName"])):
        if user is None:
            raise NotFound(Entity.USER)
    return user


async def user_or_root(ports: Ports, exchange: Exchange) -> UserRecord | None:
    """As require_user; without UserName the caller itself, None if that is root.

    Raises:
        ServiceError: NoSuchEntity.
    """
    if "UserName" in exchange.parameters:
        return await require_user(ports, exchange)
    return await find_user(ports, exchange)


async def user_check(
    ports: Ports, exchange: Exchange, action: str, context: Mapping[str, ContextValue] | None = None
) -> Check:
    """The check of an action on the user that the call is about."""
    name = exchange.parameters.get("UserName")
    missing = names.root_arn(account_id(exchange))
    if name is not None:
        missing = names.user_arn(account_id(exchange), "/", name)
    return _check(action, missing, await find_user(ports, exchange), context)


def on_user(action: str) -> Checks:
    """The checks of an action that needs its own permission on the user, and nothing more."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await user_check(ports, exchange, action),)

    return checks


# --- roles alone ---


async def require_role(ports: Ports, exchange: Exchange) -> RoleRecord:
    """The role that the required RoleName names.

    Raises:
        ServiceError: NoSuchEntity.
    """
    name = exchange.parameters["RoleName"]
    role = await found(exchange, f"Role {name}", ports.directory.find_role(account_id(exchange), name))
    with worded(**ROLE.words(name)):
        if role is None:
            raise NotFound(Entity.ROLE)
    return role
