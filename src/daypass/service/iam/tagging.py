"""Tags in IAM calls: what is refused, the condition keys they bring, and how they are answered.

Source: IAM User Guide, "Tagging IAM resources" (case, reserved prefix) and "AWS global condition context keys";
Service Authorization Reference, "AWS Identity and Access Management".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daypass.service.actions import ContextValue
from daypass.service.iam.faults import refusal

_RESERVED: Final = "aws:"


def tags_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The Tags parameter. Keys that differ only in case are the same key.

    Raises:
        ServiceError: a key twice, or a reserved prefix.
    """
    tags: Sequence[Mapping[str, str]] = parameters.get("Tags", ())
    if len({tag["Key"].lower() for tag in tags}) != len(tags):
        raise refusal("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for tag in tags:
        if tag["Key"].lower().startswith(_RESERVED) or tag["Value"].lower().startswith(_RESERVED):
            raise refusal("InvalidInput", f"tag keys and values that begin with `{_RESERVED}` are reserved")
    return {tag["Key"]: tag["Value"] for tag in tags}


def request_context(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """aws:RequestTag/key for each tag that is passed, and aws:TagKeys; nothing if none is."""
    if not tags:
        return {}
    context: dict[str, ContextValue] = {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    return context | keys_context([*tags])


def keys_context(keys: Sequence[str]) -> dict[str, ContextValue]:
    return {"aws:tagkeys": tuple(keys)} if keys else {}


def resource_context(tags: Mapping[str, str], *prefixes: str) -> dict[str, ContextValue]:
    """The tags of what the call is about. prefixes: the services' names of the key, such as `aws` and `iam`."""
    return {f"{prefix}:resourcetag/{key.lower()}": value for prefix in prefixes for key, value in tags.items()}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
