"""One S3 call → the questions to the policy engine, with their condition keys; and what of it goes to the backend.

Owns S3Exchange, and that a condition key and the backend's request are made of the same parsed value. What each
operation needs is a row of service.s3_catalog; asking the questions is service.s3's work.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3 User Guide,
"Bucket policy examples using condition keys", "Categorizing your storage using tags".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.names import bucket_arn, object_arn
from daypass.policy import Policy, PolicySet
from daypass.policy.catalog import actions
from daypass.service import s3_documents
from daypass.service.actions import Check, ContextValue
from daypass.service.caller import Caller
from daypass.service.ports import Bucket
from daypass.service.s3_exchange import S3Exchange as S3Exchange
from daypass.wire import s3_xml, sigv4
from daypass.wire.s3 import S3Call, encode_query, read_query
from daypass.wire.s3_address import CopySource
from daypass.wire.s3_errors import header_not_implemented, s3_error

_EXISTING_TAG: Final = "s3:existingobjecttag/"
_TAGGING: Final = "x-amz-tagging"
_TAGGING_DIRECTIVE: Final = "x-amz-tagging-directive"
_COPY_SOURCE: Final = "x-amz-copy-source"
_RETAIN_UNTIL: Final = "x-amz-object-lock-retain-until-date"

# The values of headers that condition keys are made of, where S3's model names them all. Storage classes are the
# backend's own.
_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "x-amz-metadata-directive": frozenset({"COPY", "REPLACE"}),
    "x-amz-object-lock-legal-hold": frozenset({"ON", "OFF"}),
    "x-amz-object-lock-mode": frozenset({"COMPLIANCE", "GOVERNANCE"}),
    "x-amz-server-side-encryption": frozenset({"AES256", "aws:backup", "aws:fsx", "aws:kms", "aws:kms:dsse"}),
    "x-amz-server-side-encryption-customer-algorithm": frozenset({"AES256"}),
    _TAGGING_DIRECTIVE: frozenset({"COPY", "REPLACE"}),
}


# ---- what is asked of the policy engine --------------------------------------------------------------------


def checks(exchange: S3Exchange) -> tuple[Check, ...]:
    """Every permission that the call needs on what its address names: its own action, then one for each parameter
    that asks for more.

    Raises:
        ServiceError: InvalidTag or InvalidArgument, for a header that a condition key is read from.
    """
    call, context = exchange.call, _context(exchange)
    resource, actions = _resource(call), actions_of(exchange)
    found = tuple([Check(action, resource, context) for action in actions])
    if call.bucket is None or call.merged_key is None:
        return found
    # Whichever of the two objects the backend takes it for, it must be allowed.
    merged = object_arn(call.bucket, call.merged_key)
    return found + tuple([Check(action, merged, context) for action in actions])


def actions_of(exchange: S3Exchange) -> list[str]:
    """The actions that the call needs on what its address names, each once."""
    row, call = exchange.row, exchange.call
    versioned = row.version_action is not None and "versionId" in call.query
    needed = [row.version_action if versioned and row.version_action else row.action]
    if row.also is not None:
        needed.append(row.also[versioned])
    if row.further:
        sent = call.query.keys() | call.headers.keys()
        for name in sorted(row.further.keys() & sent):
            needed += row.further[name]
    return needed if len(needed) == 1 else list(dict.fromkeys(needed))


def source_checks(exchange: S3Exchange, source: CopySource) -> tuple[Check, ...]:
    """The permission to read the object that the call copies from."""
    return _reading(exchange, source, "s3:GetObject" if source.version_id is None else "s3:GetObjectVersion")


def tag_reading_checks(exchange: S3Exchange, source: CopySource) -> tuple[Check, ...]:
    """The permission to copy the source's tags there, `tag_writing_checks` here."""
    action = "s3:GetObjectTagging" if source.version_id is None else "s3:GetObjectVersionTagging"
    return _reading(exchange, source, action)


def tag_writing_checks(exchange: S3Exchange) -> tuple[Check, ...]:
    call, context = exchange.call, _common_context(exchange)
    keys = [key for key in (call.key, call.merged_key) if key is not None]
    return tuple([Check("s3:PutObjectTagging", object_arn(exchange.bucket_name, key), context) for key in keys])


def _reading(exchange: S3Exchange, source: CopySource, action: str) -> tuple[Check, ...]:
    context = _source_object_context(exchange, source)
    keys = [source.key] if source.merged_key is None else [source.key, source.merged_key]
    return tuple([Check(action, object_arn(source.bucket, key), context) for key in keys])


def copies_tags(exchange: S3Exchange) -> bool:
    """Whether the source's tags go with its copy, which is so unless they are replaced."""
    directive = exchange.call.headers.get(_TAGGING_DIRECTIVE, "COPY")
    return exchange.call.operation.name == "CopyObject" and directive != "REPLACE"


def object_check(exchange: S3Exchange, action: str, key: str, context: Mapping[str, ContextValue]) -> Check:
    """The permission for an action on another object of the call's bucket than its address names."""
    return Check(action, object_arn(exchange.bucket_name, key), {**_common_context(exchange), **context})


def written_check(exchange: S3Exchange, bucket: Bucket) -> Check:
    """The permission to have the backend write into a bucket: that of whoever could let anybody write there."""
    owner: dict[str, ContextValue] = {
        "aws:resourceaccount": bucket.account_id,
        "s3:resourceaccount": bucket.account_id,
    }
    return Check("s3:PutBucketPolicy", bucket_arn(bucket.name), _signature_context(exchange) | owner)


def pass_role_check(role: str) -> Check:
    return Check("iam:PassRole", role, {"iam:passedtoservice": "s3.amazonaws.com"})


def listing_check(exchange: S3Exchange) -> Check:
    """Whether the caller could have listed the call's key, and so may know that it is missing."""
    context = _common_context(exchange) | {"s3:prefix": exchange.call.key or ""}
    return Check("s3:ListBucket", bucket_arn(exchange.bucket_name), context)


def source_listing_check(exchange: S3Exchange, source: CopySource) -> Check:
    """As listing_check, of the object that the call copies from."""
    return Check("s3:ListBucket", bucket_arn(source.bucket), _source_context(exchange) | {"s3:prefix": source.key})


def _resource(call: S3Call) -> str:
    if call.bucket is None:
        return "*"
    if call.key is None:
        return bucket_arn(call.bucket)
    return object_arn(call.bucket, call.key)


def _context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """S3's condition keys that this request gives, each from a parsed value or from the proven claim."""
    row, call = exchange.row, exchange.call
    context = _common_context(exchange)
    if row.fixed_context:
        context |= row.fixed_context
    if exchange.learned:
        context |= exchange.learned
    if row.context:
        for parameters in (call.query, call.headers):
            for name, value in parameters.items():
                key = row.context.get(name)
                if key is not None:
                    _check_value(call, name, value)
                    context[key] = value
    if exchange.root is not None:
        context |= s3_documents.context(call.operation.name, exchange.root, exchange.request.received)
    if exchange.source is not None:
        _check_copied_tags(exchange)
        # Without a slash before it and without a version, however it was spelled: else a Deny could be evaded.
        context["s3:x-amz-copy-source"] = f"{exchange.source.bucket}/{exchange.source.key}"
    if _TAGGING in call.headers and row.knows(_TAGGING):
        context |= s3_documents.tag_context(read_tags(call.headers[_TAGGING]))
    if _RETAIN_UNTIL in call.headers:
        context |= s3_documents.retention_context(call.headers[_RETAIN_UNTIL], exchange.request.received)
    return context


def _check_value(call: S3Call, name: str, value: str) -> None:
    """What a condition key says of a header must be so of the backend's request as well. A header with a value that
    stores read in different ways, or pass over, would be there for the policy and not for the store.

    Raises:
        ServiceError: InvalidArgument; NotImplemented, for conditions that S3 does not have.
    """
    if name == "if-none-match" and (value != "*" or "if-match" in call.headers):
        # To overwrite nothing is all that can be asked of a write. (S3 API Reference, PutObject, "If-None-Match")
        raise header_not_implemented(name)
    values = _VALUES.get(name)
    # An empty prefix or delimiter, which are no headers, is one.
    is_one = value in values if values is not None else bool(value) or name not in call.headers
    if not is_one:
        raise s3_error("InvalidArgument", "a header has no such value", ArgumentName=name, ArgumentValue=value)


def _check_copied_tags(exchange: S3Exchange) -> None:
    """A copy has its source's tags or the request's. S3 passes over the request's where the source's are to be copied;
    a policy would have seen tags that the copy never gets.

    Raises:
        ServiceError: InvalidArgument, InvalidRequest.
    """
    headers = exchange.call.headers
    if _TAGGING_DIRECTIVE in headers:
        _check_value(exchange.call, _TAGGING_DIRECTIVE, headers[_TAGGING_DIRECTIVE])
    if _TAGGING in headers and copies_tags(exchange):
        raise s3_error("InvalidRequest", "x-amz-tagging on a copy needs x-amz-tagging-directive: REPLACE")


def _common_context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """What every question about the call's bucket has."""
    context = _signature_context(exchange)
    # Whose the resource is: the bucket's owner's; the caller's account's, if it is not in a bucket or makes one.
    if exchange.bucket is not None:
        owner = exchange.bucket.account_id
    elif isinstance(exchange.caller, Caller) and (exchange.row.makes_bucket or exchange.call.bucket is None):
        owner = exchange.caller.account.account_id
    else:
        return context
    context["aws:resourceaccount"] = context["s3:resourceaccount"] = owner
    return context


def _source_context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """What every question about the source's bucket has."""
    context = _signature_context(exchange)
    if exchange.source_bucket is not None:
        context["aws:resourceaccount"] = context["s3:resourceaccount"] = exchange.source_bucket.account_id
    return context


def _source_object_context(exchange: S3Exchange, source: CopySource) -> dict[str, ContextValue]:
    version = {} if source.version_id is None else {"s3:versionid": source.version_id}
    return {**_source_context(exchange), **exchange.source_learned, **version}


def _signature_context(exchange: S3Exchange) -> dict[str, ContextValue]:
    """s3:authType and its like. An anonymous request has none of them but the hash it declares."""
    claim = exchange.claim
    if claim is None:
        declared = exchange.request.header(b"x-amz-content-sha256")
        return {} if declared is None else {"s3:x-amz-content-sha256": declared}
    context: dict[str, ContextValue] = {
        "s3:signatureversion": claim.algorithm,
        "s3:x-amz-content-sha256": claim.declared_payload_hash or sigv4.UNSIGNED_PAYLOAD,
    }
    if claim.location == "header":
        return context | {"s3:authtype": "REST-HEADER"}
    if claim.location == "form":
        return context | {"s3:authtype": "POST"}
    if claim.algorithm != sigv4.ALGORITHM:
        return context | {"s3:authtype": "REST-QUERY-STRING"}
    age = exchange.request.received - claim.request_time
    milliseconds = max(age // timedelta(milliseconds=1), 0)
    return context | {"s3:authtype": "REST-QUERY-STRING", "s3:signatureage": str(milliseconds)}


def read_tags(header: str) -> dict[str, str]:
    """The tags of an x-amz-tagging header, in its order.

    Raises:
        ServiceError: InvalidTag.
    """
    try:
        return read_query(header.encode("ascii"))
    except ServiceError:
        raise s3_error("InvalidTag", "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded") from None


# ---- tags that the object has already ----------------------------------------------------------------------


@lru_cache(limits.CONDITION_VALUES_CACHED)
def has_object_tags(action: str) -> bool:
    """Whether policies can ask about the tags of the object that the action is done to."""
    found = actions("s3").get(action.removeprefix("s3:").lower())
    return found is not None and found.has_key(_EXISTING_TAG + "any")


@lru_cache(limits.SESSIONS_CACHED)
def speaks_of_object_tags(policies: PolicySet) -> bool:
    """Whether a policy in force asks about the tags that an object has. Only the backend knows those; were they
    left out, a Deny on a tag would never match."""
    # Whatever kinds of policy a set has: one that were forgotten here would be a Deny that is not enforced.
    return any(_asks(getattr(policies, kind.name)) for kind in fields(policies))


def _asks(policies: Policy | Iterable[Any] | None) -> bool:
    if policies is None:
        return False
    if isinstance(policies, Policy):
        return _speaks_of_object_tags(policies.text)
    return any(_asks(one) for one in policies)


@lru_cache(limits.SESSIONS_CACHED)
def _speaks_of_object_tags(policy: str) -> bool:
    # A `\u` escape could spell any letter of the key; no policy in earnest has one.
    return "existingobjecttag" in policy.lower() or "\\u" in policy


def object_tag_context(tags: Mapping[str, str]) -> dict[str, str]:
    """The condition keys of the tags that an object has.

    Raises:
        ServiceError: AccessDenied, for keys that differ only in case: one condition key stands for both.
    """
    context = {_EXISTING_TAG + key.lower(): value for key, value in tags.items()}
    if len(context) != len(tags):
        raise s3_error("AccessDenied")
    return context


def forwarded(exchange: S3Exchange) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The query parameters and the headers that go to the backend: those the row names, as the policy saw them."""
    row, call = exchange.row, exchange.call
    if not call.query and not call.headers and exchange.source is None:
        return [], []  # then the operation has no fixed query, either
    query = list(call.operation.fixed_query)
    fixed = {name for name, _ in query}
    query += [(name, value) for name, value in call.query.items() if name not in fixed and row.forwards(name)]
    headers = {name: value for name, value in call.headers.items() if row.forwards(name)}
    if _TAGGING in headers:
        headers[_TAGGING] = encode_query(read_tags(headers[_TAGGING]).items()).decode("ascii")
    if exchange.source is not None:
        headers[_COPY_SOURCE] = exchange.source.header()
    if exchange.without_tags:
        headers[_TAGGING_DIRECTIVE] = "REPLACE"
    return query, list(headers.items())


def forwarded_document(exchange: S3Exchange) -> bytes:
    """The document that goes to the backend: written anew from what was read."""
    return b"" if exchange.root is None else s3_xml.write(exchange.root)
