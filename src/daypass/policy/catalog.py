"""What actions there are in sts, iam and s3: on which shapes of ARN each acts and which condition keys it has.

Owns the facts alone (catalog.json). Which operation of an API needs which action is the services' knowledge.

Source: Service Authorization Reference, distilled by scripts/distill_catalog.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

# Where a condition key ends in a part of the caller's choosing, as `aws:ResourceTag/${TagKey}`.
_PLACEHOLDERS = ("${", "<")


@dataclass(frozen=True, slots=True)
class Resource:
    """A type of resource. arn: its pattern, `*` for each part of the caller's choosing."""

    name: str
    arn: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action. resources: types it acts on; empty if it takes no resource, and is asked with `*`.

    keys: its condition keys in lower case, those of its resources included; one that ends in `/` is a prefix.
    """

    name: str
    resources: tuple[Resource, ...]
    keys: frozenset[str]

    def has_key(self, key: str) -> bool:
        """Whether requests of this action may carry the condition key. key: in lower case."""
        name, slash, chosen = key.partition("/")
        return f"{name}/" in self.keys if chosen else not slash and key in self.keys


@cache
def actions(service: str) -> Mapping[str, Action]:
    """The service's actions by lower-case name without the service, as `getobject`; none of an unknown service."""
    facts = _services().get(service)
    if facts is None:
        return {}
    resources = {name: Resource(name, row["arn"]) for name, row in facts["resources"].items()}
    keys = {name: row["keys"] for name, row in facts["resources"].items()}
    return {
        name.lower(): Action(
            name,
            tuple([resources[resource] for resource in row["resources"]]),
            frozenset(
                [_plain(key) for key in row["keys"]]
                + [_plain(key) for resource in row["resources"] for key in keys[resource]]
            ),
        )
        for name, row in facts["actions"].items()
    }


@cache
def condition_keys(service: str) -> Mapping[str, str]:
    """The service's condition keys in lower case → type: String, Numeric, Date, Bool, ARN or ArrayOf one of these."""
    facts = _services().get(service)
    return {} if facts is None else {_plain(key): kind for key, kind in facts["keys"].items()}


@cache
def _services() -> Mapping[str, Any]:
    catalog: Mapping[str, Any] = json.loads(files(__package__).joinpath("catalog.json").read_text("utf-8"))
    services: Mapping[str, Any] = catalog["services"]
    return services


def _plain(key: str) -> str:
    """The key in lower case, a placeholder cut off: what is left then ends in `/`."""
    for placeholder in _PLACEHOLDERS:
        key = key.partition(placeholder)[0]
    return key.lower()
