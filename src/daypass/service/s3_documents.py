"""The XML documents that S3 operations take: read whole, and what of them policies speak of.

Owns that what the policy saw is what the backend gets: a document is read strictly, and written anew from what was
read. What it means beyond that is the backend's.

Source: S3 API Reference, the request syntax of each operation; Service Authorization Reference, "Actions, resources,
and condition keys for Amazon S3".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from daypass import limits
from daypass.names import bucket_arn
from daypass.service.actions import ContextValue
from daypass.service.s3_catalog import WRITES_TO, Row
from daypass.wire import s3_xml
from daypass.wire.s3_errors import not_implemented, s3_error
from daypass.wire.s3_xml import Element

_DAY: Final = timedelta(days=1)


def read(row: Row, document: bytes) -> Element | None:
    """The document's root; None if it is left out where it may be, or is no XML.

    Raises:
        ServiceError: MalformedXML, MissingRequestBodyError.
    """
    if row.root is None or (not document and row.may_be_empty):
        return None
    if not document:
        raise s3_error("MissingRequestBodyError")
    try:
        root = s3_xml.parse(document, strict=True)
    except s3_xml.MalformedXML:
        raise s3_error("MalformedXML") from None
    if root.name != row.root:
        raise s3_error("MalformedXML")
    return root


def only(element: Element, *names: str) -> dict[str, Element]:
    """The element's children by name: of these names alone, and each at most once.

    Raises:
        ServiceError: MalformedXML.
    """
    found: dict[str, Element] = {}
    for child in element.children:
        if child.name not in names or child.name in found:
            raise s3_error("MalformedXML")
        found[child.name] = child
    return found


def texts(element: Element, *names: str) -> dict[str, str]:
    """As `only`, of children that hold a text and no elements: one reader would take those for it, another not.

    Raises:
        ServiceError: MalformedXML.
    """
    return {name: text_of(child) for name, child in only(element, *names).items()}


def text_of(element: Element) -> str:
    """Raises ServiceError: MalformedXML, for an element that holds others."""
    if element.children:
        raise s3_error("MalformedXML")
    return element.text


# ---- condition keys ----------------------------------------------------------------------------------------


def context(operation: str, root: Element, now: datetime) -> Mapping[str, ContextValue]:
    """The condition keys that the document gives.

    Raises:
        ServiceError: MalformedXML, InvalidTag, InvalidArgument, NotImplemented.
    """
    read_context = _CONTEXTS.get(operation)
    return {} if read_context is None else read_context(root, now)


def tag_context(tags: Mapping[str, str]) -> dict[str, ContextValue]:
    """The condition keys of the tags that a request gives an object.

    Raises:
        ServiceError: InvalidTag; also for keys that differ only in case, which one condition key stands for.
    """
    if len({key.lower() for key in tags}) != len(tags):
        raise s3_error("InvalidTag", "tag keys that differ only in case are not served")
    if len(tags) > limits.OBJECT_TAGS:
        raise s3_error("InvalidTag", f"Object tags cannot be greater than {limits.OBJECT_TAGS}")
    keys: dict[str, ContextValue] = {f"s3:requestobjecttag/{key.lower()}": value for key, value in tags.items()}
    return {"s3:requestobjecttagkeys": tuple(tags), **keys}


def retention_context(until: str, now: datetime) -> dict[str, ContextValue]:
    """s3:object-lock-remaining-retention-days: whole days that the request asks for, begun ones counted.

    Raises:
        ServiceError: InvalidArgument.
    """
    try:
        days = math.ceil((datetime.fromisoformat(until) - now) / _DAY)
    except (ValueError, TypeError, OverflowError):
        message = "The retain until date must be provided in ISO 8601 format"
        raise s3_error("InvalidArgument", message, ArgumentName="RetainUntilDate") from None
    return {"s3:object-lock-remaining-retention-days": str(days)}


def tags_of(root: Element) -> dict[str, str]:
    """The tags of a Tagging document, in its order.

    Raises:
        ServiceError: MalformedXML, InvalidTag.
    """
    tag_set = only(root, "TagSet").get("TagSet")
    if root.name != "Tagging" or tag_set is None:
        raise s3_error("MalformedXML")
    tags: dict[str, str] = {}
    for tag in tag_set.children:
        parts = texts(tag, "Key", "Value")
        if tag.name != "Tag" or parts.keys() != {"Key", "Value"}:
            raise s3_error("MalformedXML")
        key = parts["Key"]
        if key in tags:
            raise s3_error("InvalidTag", "Cannot provide multiple Tags with the same key")
        tags[key] = parts["Value"]
    return tags


def _tagging(root: Element, _: datetime) -> Mapping[str, ContextValue]:
    return tag_context(tags_of(root))


def _retention(root: Element, now: datetime) -> Mapping[str, ContextValue]:
    parts = texts(root, "Mode", "RetainUntilDate")
    found: dict[str, ContextValue] = {}
    if "Mode" in parts:
        if parts["Mode"] not in ("GOVERNANCE", "COMPLIANCE"):
            raise s3_error("MalformedXML")
        found["s3:object-lock-mode"] = parts["Mode"]
    if "RetainUntilDate" in parts:
        until = parts["RetainUntilDate"]
        found["s3:object-lock-retain-until-date"] = until
        found |= retention_context(until, now)
    return found


def _legal_hold(root: Element, _: datetime) -> Mapping[str, ContextValue]:
    status = texts(root, "Status").get("Status")
    if status is None or status not in ("ON", "OFF"):
        raise s3_error("MalformedXML")
    return {"s3:object-lock-legal-hold": status}


def _restore(root: Element, _: datetime) -> Mapping[str, ContextValue]:
    """A restore of the object in its place. One whose output goes to another bucket is a write there."""
    if not {child.name for child in root.children} <= {"Days", "Description", "GlacierJobParameters", "Tier"}:
        raise not_implemented("only the restore of an object in its place is served")
    return {}


_CONTEXTS: Final[Mapping[str, Callable[[Element, datetime], Mapping[str, ContextValue]]]] = MappingProxyType(
    {
        "PutObjectLegalHold": _legal_hold,
        "PutObjectRetention": _retention,
        "PutObjectTagging": _tagging,
        "RestoreObject": _restore,
    }
)


# ---- buckets that a configuration has the backend write to -------------------------------------------------


def written_buckets(operation: str, root: Element) -> list[str]:
    """The names of the buckets that the backend will write to on behalf of this configuration.

    Raises:
        ServiceError: MalformedXML; NotImplemented for grants, which are access control lists.
    """
    path = WRITES_TO.get(operation)
    if path is None:
        return []
    elements = [root]
    for name in path:
        if any(child.name == "TargetGrants" for element in elements for child in element.children):
            raise s3_error("AccessControlListNotSupported")
        elements = [child for element in elements for child in element.children if child.name == name]
    prefix = bucket_arn("")
    names = [text_of(element).removeprefix(prefix) for element in elements]
    if not all(names):
        raise s3_error("MalformedXML")
    return names


def roles(operation: str, root: Element) -> list[str]:
    """The ARNs of the roles that a configuration hands over: iam:PassRole is needed for each.

    Raises:
        ServiceError: MalformedXML.
    """
    return [text_of(child) for child in root.children if child.name == "Role"] if operation in WRITES_TO else []
