"""Every action that AWS publishes: on which resources it acts and which condition keys its requests carry.

Owns the facts alone (published_actions.json.gz); what to make of them is lint's work. The engine knows the actions
of sts, iam and s3 from a catalogue of its own, and decides about the others without knowing them.

Source: Service Authorization Reference, distilled by scripts/distill_published_actions.py.
"""

from __future__ import annotations

import difflib
import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from daypass.policy.match import Template, TextTest, glob_text
from daypass.policy_tools.global_keys import GLOBAL_KEYS

# Every action there is: no list of their names would say more.
EVERYTHING: Final = frozenset({"*", "*:*"})


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource. arn: its pattern, where `*` is any run of characters and `%` one without a slash."""

    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action. resources: the types it acts on; empty if it takes no resource, and is asked with `*`.

    keys: the condition keys that its requests may carry, in lower case; `*` in one is a part of the caller's choosing.
    """

    service: str
    name: str
    resources: tuple[ResourceType, ...]
    keys: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.service}:{self.name}"


def services() -> Iterable[str]:
    """The prefix of every service."""
    return _list().services


def updated() -> str:
    """The date of the list, ISO 8601."""
    return _list().updated


@lru_cache(4096)
def matching(pattern: str) -> tuple[Action, ...]:
    """The actions that an Action element's value covers; none if it is one of EVERYTHING, which needs no list."""
    service, colon, name = pattern.lower().partition(":")
    if not colon or pattern in EVERYTHING:
        return ()
    test = _test(name)
    return tuple([action for known, action in actions(service).items() if test(known)])


@cache
def actions(service: str) -> Mapping[str, Action]:
    """The service's actions by lower-case name; none of an unknown service."""
    facts = _list().services.get(service)
    if facts is None:
        return {}
    keys = [name.lower() for name, _ in facts.keys]
    types = [ResourceType(name, arn) for name, arn, _ in facts.resources]
    keys_of_type = [numbers for _, _, numbers in facts.resources]
    return {
        name.lower(): Action(
            service,
            name,
            tuple([types[number] for number in resources]),
            tuple([keys[number] for number in {*own, *[key for type_ in resources for key in keys_of_type[type_]]}]),
        )
        for name, (resources, own) in facts.actions.items()
    }


def nearest_action(pattern: str) -> str | None:
    """The published action whose name is most like an unknown one; None if none is."""
    service, _, name = pattern.lower().partition(":")
    nearest_service = service if service in _list().services else nearest(service, services())
    if nearest_service is None:
        return None
    known = actions(nearest_service)
    found = nearest(name, known)
    return None if found is None else str(known[found])


def key_type(key: str) -> str | None:
    """The type of a condition key: String, Numeric, Date, Bool, ARN, IPAddress or ArrayOf one of these; None: unknown.

    A key of an OpenID Connect provider begins with the provider's host name, and may be anything: it is a String.
    """
    key = key.lower()
    prefix = key.partition(":")[0]
    if prefix == key:
        return None
    found = _keys().exact.get(key)
    if found is not None:
        return found
    for test, kind in _keys().patterns.get(prefix, ()):
        if test(key):
            return kind
    return "String" if "." in prefix else None


def nearest_key(key: str) -> str | None:
    """The condition key most like an unknown one, as AWS spells it; None if none is."""
    spelled = _keys().spelled
    found = nearest(key.lower(), spelled)
    return None if found is None else spelled[found]


def is_global(key: str) -> bool:
    """Whether requests of every service may carry the key."""
    return any(test(key.lower()) for test in _global_tests())


def carries(action: Action, key: str) -> bool:
    """Whether requests of the action may carry the service's own condition key."""
    key = key.lower()
    return key in action.keys or any("*" in known and _test(known)(key) for known in action.keys)


def nearest(text: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(text, known, 1, 0.75)), None)


# --- the file -----------------------------------------------------------------------------------------------


class _Service(msgspec.Struct):
    """As scripts/distill_published_actions.py writes it: the numbers are places in the lists above them."""

    keys: list[tuple[str, str]]
    resources: list[tuple[str, str, list[int]]]
    actions: dict[str, tuple[list[int], list[int]]]


class _List(msgspec.Struct):
    source: str
    licence: str
    updated: str
    services: dict[str, _Service]


@cache
def _list() -> _List:
    packed = files(__package__).joinpath("published_actions.json.gz").read_bytes()
    return msgspec.json.decode(gzip.decompress(packed), type=_List)


@dataclass(frozen=True, slots=True)
class _Keys:
    """exact: by name; patterns: by what stands before the colon; spelled: as AWS writes them. All in lower case."""

    exact: Mapping[str, str]
    patterns: Mapping[str, tuple[tuple[TextTest, str], ...]]
    spelled: Mapping[str, str]


@cache
def _keys() -> _Keys:
    listed = [pair for facts in _list().services.values() for pair in facts.keys]
    types = {name.lower(): kind for name, kind in [*listed, *GLOBAL_KEYS.items()]}
    patterns: dict[str, tuple[tuple[TextTest, str], ...]] = {}
    for key, kind in types.items():
        if "*" in key:
            prefix = key.partition(":")[0]
            patterns[prefix] = (*patterns.get(prefix, ()), (_test(key), kind))
    exact = {key: kind for key, kind in types.items() if "*" not in key}
    return _Keys(exact, patterns, {name.lower(): name for name, _ in [*listed, *GLOBAL_KEYS.items()]})


@cache
def _global_tests() -> tuple[TextTest, ...]:
    return tuple([_test(key.lower()) for key in GLOBAL_KEYS])


@lru_cache(8192)
def _test(pattern: str) -> TextTest:
    # A tag's key is never empty; what stands for one in a pattern must be something.
    test = glob_text(re.sub(r"/\*$", "/?*", pattern))
    assert not isinstance(test, Template)  # noqa: S101  no variables here
    return test
