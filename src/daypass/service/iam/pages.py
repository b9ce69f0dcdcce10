"""Lists in pages: MaxItems, Marker and IsTruncated.

A marker says after which item to go on, so that items made or deleted between two pages neither repeat nor hide
others. It is opaque to callers, and holds nothing that the listing itself did not show.

Source: IAM API Reference, "Marker" and "MaxItems" of each list action; markerType of the IAM model (320 characters).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeVar

from daypass import limits
from daypass.errors import ServiceError, validation_error

_T = TypeVar("_T")
Page = tuple[list[_T], dict[str, Any]]  # the items shown, and IsTruncated and Marker of the answer

_POSITION_BYTES: Final = 240  # in base64 fits markerType; only a tag key beyond ASCII can be longer
_CUT_BYTES: Final = _POSITION_BYTES - 32


def max_items(parameters: Mapping[str, Any]) -> int:
    items: int = parameters.get("MaxItems", limits.PAGE_ITEMS_DEFAULT)
    return items


def name_after(parameters: Mapping[str, Any]) -> str:
    """The name that the marker stands for, where items go by name; empty without a marker.

    Raises:
        ServiceError: it is not one of our markers.
    """
    try:
        return _position(parameters).decode("ascii")
    except UnicodeDecodeError:
        raise invalid_marker() from None


def page(parameters: Mapping[str, Any], items: Iterable[_T], order: Callable[[_T], str]) -> Page[_T]:
    """A page of a list that is held whole: the items, and what the answer says of the pages.

    order: the text that an item is sorted by; no two have the same.

    Raises:
        ServiceError: the marker is not one of ours.
    """
    after = _position(parameters)
    placed = sorted([(_place(order(item)), item) for item in items], key=lambda pair: pair[0])
    rest = [(place, item) for place, item in placed if place > after]
    shown = rest[: max_items(parameters)]
    if len(shown) == len(rest):
        return [item for _, item in shown], {"IsTruncated": False}
    return [item for _, item in shown], _truncated(shown[-1][0])


def page_of_names(parameters: Mapping[str, Any], found: list[_T], name: Callable[[_T], str]) -> Page[_T]:
    """A page of a list that the directory paged by name, asked for one item more than fits."""
    shown = found[: max_items(parameters)]
    if len(shown) == len(found):
        return shown, {"IsTruncated": False}
    return shown, _truncated(_place(name(shown[-1])))


def _truncated(place: bytes) -> dict[str, Any]:
    return {"IsTruncated": True, "Marker": base64.urlsafe_b64encode(place).decode("ascii")}


def _place(text: str) -> bytes:
    """Where an item stands in its list: its text, or if that does not fit a marker its beginning and a digest."""
    raw = text.encode()
    return raw if len(raw) <= _POSITION_BYTES else raw[:_CUT_BYTES] + sha256(raw).digest()


def _position(parameters: Mapping[str, Any]) -> bytes:
    marker = parameters.get("Marker")
    if marker is None:
        return b""
    try:
        return base64.b64decode(marker.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise invalid_marker() from None


def invalid_marker() -> ServiceError:
    """Of a marker that this listing did not give."""
    return validation_error("Invalid Marker.")
