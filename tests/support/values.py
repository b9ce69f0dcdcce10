"""Changing one field of a frozen value, of whichever kind it is."""

import dataclasses
from typing import Any

import msgspec


def replace(value: Any, **changes: Any) -> Any:
    """The value with these fields changed."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)
