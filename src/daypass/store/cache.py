"""The cache that a worker answers requests from: IdentityReader over SqlDirectory.

What it promises. A change committed by any worker is in force here within one second; a change made here, at once.
An entity the cache does not hold is looked up in the store before None is answered; "there is none" is never kept.
If the store cannot be read, a cache that is not fresh answers nothing: ServiceUnavailable, never what may be stale.

How it keeps it. Every write lists what it touched in the change log. The worker reads the log every
limits.CHANGE_POLL_SECONDS and forgets what is listed. If the last reading began longer than
limits.FRESHNESS_SECONDS ago, because the poller was late, the log is read before the question is answered.
What was loaded while a change of it arrived is answered, but not kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.ports import (
    AccessKey,
    Account,
    Bucket,
    ManagedPolicy,
    MfaDevice,
    OidcProvider,
    Role,
    SamlProvider,
    User,
)
from daypass.store.directory import SqlDirectory
from daypass.store.tables import Topic
from daypass.store.transactions import Change

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class _Load(Generic[_T]):
    """One look-up under way, which later askers may share."""

    __slots__ = ("started", "task")

    def __init__(self, started: float, task: asyncio.Task[_T | None]) -> None:
        self.started = started
        self.task = task


class _Kept(Generic[_T]):
    """The entities of one kind that are held, and the look-ups under way."""

    __slots__ = ("_loading", "_read", "entries")

    def __init__(self, read: Callable[[str], Coroutine[Any, Any, _T | None]]) -> None:
        self._read = read
        self._loading: dict[str, _Load[_T]] = {}
        self.entries: dict[str, _T] = {}

    async def look_up(self, key: str, now: float) -> _T | None:
        """The entity from the store. A look-up that began within the promised second is shared."""
        load = self._loading.get(key)
        if load is None or now - load.started >= limits.FRESHNESS_SECONDS:
            load = _Load(now, asyncio.create_task(self._read(key)))
            self._loading[key] = load
            load.task.add_done_callback(partial(self._finished, key, load))
        return await asyncio.shield(load.task)  # one asker that goes away does not take the others' answer

    def forget(self, key: str) -> None:
        self.entries.pop(key, None)
        self._loading.pop(key, None)

    def forget_all(self) -> None:
        self.entries.clear()
        self._loading.clear()

    def under_way(self) -> list[asyncio.Task[_T | None]]:
        """The look-ups that somebody may still wait for."""
        return [load.task for load in self._loading.values()]

    def _finished(self, key: str, load: _Load[_T], task: asyncio.Task[_T | None]) -> None:
        """Keep what was loaded, unless it was forgotten meanwhile: the change may be later than what was read."""
        if task.cancelled():
            return
        failed = task.exception() is not None  # asking also tells asyncio that the exception was seen
        if self._loading.get(key) is not load:
            return
        del self._loading[key]
        if failed or (found := task.result()) is None:
            return
        if len(self.entries) >= limits.IDENTITIES_CACHED:
            del self.entries[next(iter(self.entries))]
        self.entries[key] = found


class Cache:
    """IdentityReader for one worker. Its answers on a hit do no I/O."""

    def __init__(self, directory: SqlDirectory, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._accounts: Final = _Kept[Account](directory.account)
        self._access_keys: Final = _Kept[AccessKey](directory.access_key)
        self._users: Final = _Kept[User](directory.user)
        self._managed_policies: Final = _Kept[ManagedPolicy](directory.managed_policy)
        self._buckets: Final = _Kept[Bucket](directory.bucket)
        self._roles: Final = _Kept[Role](directory.role)
        self._mfa_devices: Final = _Kept[MfaDevice](directory.mfa_device)
        self._oidc_providers: Final = _Kept[OidcProvider](directory.oidc_provider)
        self._saml_providers: Final = _Kept[SamlProvider](directory.saml_provider)
        self._by_topic: Final[dict[Topic, _Kept[Any]]] = {
            Topic.ACCOUNT: self._accounts,
            Topic.ACCESS_KEY: self._access_keys,
            Topic.USER: self._users,
            Topic.MANAGED_POLICY: self._managed_policies,
            Topic.BUCKET: self._buckets,
            Topic.ROLE: self._roles,
            Topic.MFA_DEVICE: self._mfa_devices,
            Topic.OIDC_PROVIDER: self._oidc_providers,
            Topic.SAML_PROVIDER: self._saml_providers,
        }
        self._sequence: int | None = None
        self._fresh_until = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._poller: asyncio.Task[None] | None = None
        directory.subscribe(self._forget)

    async def account(self, account_id: str) -> Account | None:
        return await self._find(self._accounts, account_id)

    async def access_key(self, access_key_id: str) -> AccessKey | None:
        return await self._find(self._access_keys, access_key_id)

    def held(self, access_key_id: str) -> tuple[AccessKey, Account, User | None] | None:
        if self._monotonic() >= self._fresh_until:
            return None
        key = self._access_keys.entries.get(access_key_id)
        account = None if key is None else self._accounts.entries.get(key.account_id)
        if key is None or account is None:
            return None
        if key.owner_id == key.account_id:
            return key, account, None
        user = self._users.entries.get(key.owner_id)
        return None if user is None else (key, account, user)

    def held_account(self, account_id: str) -> Account | None:
        return self._accounts.entries.get(account_id) if self._monotonic() < self._fresh_until else None

    def held_user(self, user_id: str) -> User | None:
        return self._users.entries.get(user_id) if self._monotonic() < self._fresh_until else None

    def held_role(self, role: str) -> Role | None:
        return self._roles.entries.get(role) if self._monotonic() < self._fresh_until else None

    def held_managed_policy(self, arn: str) -> ManagedPolicy | None:
        return self._managed_policies.entries.get(arn) if self._monotonic() < self._fresh_until else None

    def held_oidc_provider(self, arn: str) -> OidcProvider | None:
        return self._oidc_providers.entries.get(arn) if self._monotonic() < self._fresh_until else None

    def held_bucket(self, name: str) -> Bucket | None:
        return self._buckets.entries.get(name) if self._monotonic() < self._fresh_until else None

    async def user(self, user_id: str) -> User | None:
        return await self._find(self._users, user_id)

    async def role(self, role: str) -> Role | None:
        return await self._find(self._roles, role)

    async def mfa_device(self, serial_number: str) -> MfaDevice | None:
        return await self._find(self._mfa_devices, serial_number)

    async def oidc_provider(self, arn: str) -> OidcProvider | None:
        return await self._find(self._oidc_providers, arn)

    async def saml_provider(self, arn: str) -> SamlProvider | None:
        return await self._find(self._saml_providers, arn)

    async def managed_policy(self, arn: str) -> ManagedPolicy | None:
        return await self._find(self._managed_policies, arn)

    async def bucket(self, name: str) -> Bucket | None:
        return await self._find(self._buckets, name)

    def start(self) -> None:
        """Begin to poll, in the running event loop."""
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll_for_ever())

    async def stop(self) -> None:
        """Stop polling, and wait until what is being read was read: the store may be closed then. Answers stay right:
        each reads the change log itself when it has to."""
        poller, self._poller = self._poller, None
        if poller is not None:
            poller.cancel()
        under_way = [task for kept in self._by_topic.values() for task in kept.under_way()]
        under_way += [task for task in (poller, self._reading) if task is not None]
        await asyncio.gather(*under_way, return_exceptions=True)

    async def _find(self, kept: _Kept[_T], key: str) -> _T | None:
        now = self._monotonic()
        if now >= self._fresh_until:
            await self._catch_up(now)
        held = kept.entries.get(key)
        return held if held is not None else await kept.look_up(key, now)

    async def _catch_up(self, asked: float) -> None:
        """Read the change log until a reading counts that began late enough for a question asked at `asked`."""
        while self._fresh_until <= asked:
            await self._next_reading()

    async def _next_reading(self) -> None:
        """The end of the reading under way, or of one begun now."""
        reading = self._reading
        if reading is None or reading.done():
            reading = self._reading = asyncio.create_task(self._read_changes())
            reading.add_done_callback(_seen)
        await asyncio.shield(reading)

    async def _read_changes(self) -> None:
        began = self._monotonic()
        sequence, changes = await self._directory.changes_since(self._sequence)
        if changes is None:
            for kept in self._by_topic.values():
                kept.forget_all()
        else:
            self._forget(changes)
        self._sequence = sequence
        self._fresh_until = began + limits.FRESHNESS_SECONDS

    def _forget(self, changes: Sequence[Change]) -> None:
        for topic, key in changes:
            self._by_topic[topic].forget(key)

    async def _poll_for_ever(self) -> None:
        failing = False
        while True:
            try:
                await self._next_reading()
                failing = False
            except ServiceError:
                if not failing:  # once an outage; store.transactions has logged its cause
                    _log.warning("the change log cannot be read; requests are refused until it can")
                failing = True
            await asyncio.sleep(limits.CHANGE_POLL_SECONDS)


def _seen(task: asyncio.Task[None]) -> None:
    """Tell asyncio that a failure was seen, also when every asker has gone away."""
    if not task.cancelled():
        task.exception()
