"""The form of a question to the authorizer, and what an asker may say in it.

A question's caller is proven by the signature of the request that the asker got (`signed_request`), or is an IAM user
or a root user whom the asker has authenticated by itself (`principal`). A session is never named: it is known by its
token and its signature alone, because only its token tells what narrows it.

What is answered is service.decisions'.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from daypass import limits
from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.service.actions import ContextValue
from daypass.service.ports import AuditRecord
from daypass.wire.http import RawRequest

# What an asker may say of a resource and of its request. All other `aws:` keys are properties of the caller or of the
# request itself: Daypass takes them from what was proven.
_SAYABLE: Final = ("aws:resourcetag/", "aws:requesttag/", "aws:tagkeys", "aws:resourceaccount")


class QuestionError(ValueError):
    """A question that cannot be asked. Its text says which part of it is wrong."""


class SignedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request that the asker received.

    target: the request target as it was sent, path and query, percent-encoded.
    headers: every header, in order, as pairs of name and value.
    payload_sha256: of the body that the asker read, in hexadecimal; UNSIGNED-PAYLOAD only for the service `s3`.
    service: the name that the signature's credential scope must have.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    payload_sha256: str
    service: str

    def __repr__(self) -> str:
        """Target and headers stay out: a token or a signature may be among them."""
        return f"SignedRequest({self.method}, {self.service})"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """May the caller do this? context: condition keys of the action → value, or values of a multivalued key."""

    action: str
    resource: str = "*"
    context: dict[str, str | tuple[str, ...]] = {}


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one caller: one action, or several in `checks`.

    signed_request or principal: who calls; `"principal": "anonymous"` for nobody.
    source_ip, secure: where the caller's request came from, and whether over TLS.
    region: of a question without a signature; a signature names its own.
    resource_policy, resource_account: of a resource that is not a bucket of Daypass's; a bucket's are its own.
    """

    signed_request: SignedRequest | None = None
    principal: str | None = None
    action: str | None = None
    resource: str = "*"
    context: dict[str, str | tuple[str, ...]] = {}
    checks: tuple[Asked, ...] = ()
    source_ip: str = ""
    secure: bool = False
    region: str = ""
    resource_policy: msgspec.Raw = msgspec.Raw()
    resource_account: str | None = None

    def asked(self) -> tuple[Asked, ...]:
        """Raises QuestionError."""
        if (self.action is None) == (not self.checks):
            raise QuestionError("ask about `action`, or about several in `checks`")
        if self.action is not None:
            asked: tuple[Asked, ...] = (Asked(self.action, self.resource, self.context),)
        elif self.resource != "*" or self.context:
            raise QuestionError("beside `checks`, `resource` and `context` belong into each of them")
        else:
            asked = self.checks
        for one in asked:
            _check_action(one.action)
        return asked


# One action, not a pattern of several: service prefix and name. (IAM User Guide, "IAM JSON policy elements: Action")
_ACTION: Final = re.compile(r"[A-Za-z0-9-]+:[^\s*?]+")


def _check_action(action: str) -> None:
    """Raises QuestionError."""
    if _ACTION.fullmatch(action) is None:
        raise QuestionError(f"`{action}` is no action; write one, such as s3:GetObject")


def _check_address(address: str) -> None:
    """Raises QuestionError."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise QuestionError(f"`source_ip` is an address; `{address}` is none") from None


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several questions at once, each about its own caller."""

    questions: tuple[Question, ...]


_decode_question: Final = msgspec.json.Decoder(Question).decode
_decode_batch: Final = msgspec.json.Decoder(Batch).decode


def read_questions(body: bytes) -> tuple[tuple[Question, ...], bool]:
    """The questions of a body, and whether they were a batch.

    Raises:
        QuestionError: it is no JSON, has a field that is unknown or of another type, or asks too much at once.
    """
    try:
        is_batch = b'"questions"' in body
        questions = _decode_batch(body).questions if is_batch else (_decode_question(body),)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise QuestionError(str(error)) from None
    if sum(max(len(question.checks), 1) for question in questions) > limits.AUTHORIZE_CHECKS:
        raise QuestionError(f"at most {limits.AUTHORIZE_CHECKS} checks at once")
    return questions, is_batch


class Answer(msgspec.Struct, frozen=True):
    """What a question is answered with.

    shown: as JSON has it. records: of its decisions; it is told when they are written, and not before.
    """

    shown: dict[str, Any]
    records: tuple[AuditRecord, ...]


def check_context(context: Mapping[str, ContextValue]) -> None:
    """Raises QuestionError for a key that is not the asker's to say."""
    seen: set[str] = set()
    for key in context:
        folded = key.lower()
        if folded.startswith("aws:") and not folded.startswith(_SAYABLE):
            raise QuestionError(f"`{key}` is not for the asker to say; Daypass takes it from the caller's request")
        if folded in seen:
            raise QuestionError(f"`{key}` is said twice")
        seen.add(folded)


def request_of(question: Question, received: datetime) -> RawRequest:
    """The request that the asker received; one without a name, where it says by itself who calls.

    Raises:
        QuestionError: it is none.
    """
    signed = question.signed_request
    if question.source_ip:
        _check_address(question.source_ip)
    target = b"/" if signed is None else signed.target.encode("utf-8")
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/"):
        raise QuestionError("`target` is a path with its query; it begins with `/`")
    headers = () if signed is None else signed.headers
    try:
        pairs = tuple([(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers])
    except UnicodeEncodeError:
        raise QuestionError("a header has letters that HTTP has not") from None
    method = "GET" if signed is None else signed.method.upper()
    return RawRequest(method, path, query, pairs, b"", question.source_ip, question.secure, received)


def resource_policy_of(question: Question) -> Policy | None:
    """The policy that the asker says its resource has.

    Raises:
        QuestionError: it is none.
    """
    text = bytes(question.resource_policy).decode("utf-8")
    if not text or text == "null":
        return None
    try:
        return (_kept_policy if len(text) <= limits.BUCKET_POLICY_BYTES else _parse_policy)(text)
    except PolicyError as error:
        raise QuestionError(f"`resource_policy` is no policy: {error.message}") from None


def _parse_policy(text: str) -> Policy:
    # As a stored one: what S3 demands of a new bucket policy is no rule of other services.
    return Policy.parse(text, PolicyKind.RESOURCE, id="resource policy", stored=True)


_kept_policy: Final = lru_cache(limits.RESOURCE_POLICIES_CACHED)(_parse_policy)
