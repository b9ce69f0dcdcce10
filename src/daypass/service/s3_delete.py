"""DeleteObjects: one request, and as many decisions as it names objects.

Owns the reading of its document, what each object needs, and the answer in which what was refused stands beside what
the backend did. Nothing here asks anybody.

Source: S3 API Reference, DeleteObjects; S3 User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.service.actions import Check, ContextValue
from daypass.service.s3_checks import S3Exchange, object_check
from daypass.service.s3_documents import only
from daypass.wire import s3_xml
from daypass.wire.s3_address import Addressing, merged_key, read_key
from daypass.wire.s3_errors import s3_error
from daypass.wire.s3_xml import Content, Element

_PARTS: Final = ("Key", "VersionId", "ETag", "LastModifiedTime", "Size")
_CHECKSUM: Final = "x-amz-checksum-"


@dataclass(frozen=True, slots=True)
class Deletion:
    """One object of the request. element: as it was read. version_id, etag: None where it names none."""

    element: Element
    key: str
    version_id: str | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """What is answered for an object that was not deleted."""

    key: str
    version_id: str | None
    code: str
    message: str

    def content(self) -> Content:
        version = [] if self.version_id is None else [("VersionId", self.version_id)]
        return [("Key", self.key), *version, ("Code", self.code), ("Message", self.message)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks to delete, in its order. quiet: only failures are to be answered."""

    deletions: tuple[Deletion, ...]
    quiet: bool


def read(exchange: S3Exchange) -> Wanted:
    """What the request asks to delete.

    Raises:
        ServiceError: MalformedXML, MissingRequestBodyError; InvalidRequest for a body that nobody vouches for.
    """
    if exchange.root is None:
        raise s3_error("MissingRequestBodyError")
    _require_checksum(exchange)
    found: list[Deletion] = []
    quiet: bool | None = None
    for child in exchange.root.children:
        match child.name:
            case "Object":
                found.append(_deletion(child))
            case "Quiet" if quiet is None and child.text.strip().lower() in ("true", "false"):
                quiet = child.text.strip().lower() == "true"
            case _:
                raise s3_error("MalformedXML")
    if not 1 <= len(found) <= limits.DELETE_OBJECTS:
        raise s3_error("MalformedXML")
    return Wanted(tuple(found), bool(quiet))


def _deletion(element: Element) -> Deletion:
    parts = only(element, *_PARTS)
    if "Key" not in parts or not parts["Key"].text or any(part.children for part in parts.values()):
        raise s3_error("MalformedXML")
    version, etag = parts.get("VersionId"), parts.get("ETag")
    return Deletion(
        element,
        parts["Key"].text,
        None if version is None else version.text,
        None if etag is None else etag.text,
    )


def _require_checksum(exchange: S3Exchange) -> None:
    for name, _ in exchange.request.headers:
        text = name.decode("latin-1")
        if text in ("content-md5", "x-amz-trailer") or text.startswith(_CHECKSUM):
            return
    raise s3_error("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")


def unservable(deletion: Deletion, bucket: str, addressing: Addressing) -> Failure | None:
    """The failure of an object whose key or version may not be served."""
    # A store that takes it for no version would delete the object, which needs another permission.
    if deletion.version_id == "":
        return Failure(deletion.key, "", "InvalidArgument", "Version id cannot be the empty string")
    try:
        read_key(deletion.key, bucket, addressing)
    except ServiceError as error:
        return Failure(deletion.key, deletion.version_id, error.code, error.message or error.code)
    return None


def checks(exchange: S3Exchange, deletion: Deletion, addressing: Addressing) -> tuple[Check, ...]:
    """Every permission that the deletion of this object needs."""
    context: dict[str, ContextValue] = {}
    action = exchange.row.action
    if deletion.version_id is not None:
        action = exchange.row.version_action or action
        context["s3:versionid"] = deletion.version_id
    needed = [action]
    if deletion.etag is not None:
        context["s3:if-match"] = deletion.etag
        needed.append("s3:GetObject")  # to delete only what is known, one must be allowed to know it
    for name in sorted(exchange.row.further.keys() & exchange.call.headers.keys()):
        needed += exchange.row.further[name]
    merged = merged_key(deletion.key, exchange.bucket_name, addressing)
    keys = [deletion.key] if merged is None else [deletion.key, merged]
    return tuple([object_check(exchange, one, key, context) for key in keys for one in needed])


def document(deletions: Sequence[Deletion]) -> bytes:
    """What the backend is asked to delete: it answers about each."""
    objects = Element("Delete", children=[*[deletion.element for deletion in deletions], Element("Quiet", "false")])
    return s3_xml.write(objects)


def answer(deleted: Sequence[Element], failures: Sequence[Failure], quiet: bool) -> bytes:
    """The whole answer. deleted: the backend's own elements about what it deleted."""
    content: list[tuple[str, Content]] = []
    if not quiet:
        content += [("Deleted", [(part.name, part.text) for part in one.children]) for one in deleted]
    content += [("Error", failure.content()) for failure in failures]
    return s3_xml.render("DeleteResult", content)
