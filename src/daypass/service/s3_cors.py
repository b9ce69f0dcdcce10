"""Cross-origin resource sharing: what a bucket's CORS configuration says, and what a browser is told by it.

Owns the configuration that Daypass keeps and the matching of a request with its rules. Header values come from the
configuration, or are the request's own after they matched it whole: none can carry a line break.

Source: S3 User Guide, "Using cross-origin resource sharing (CORS)"; S3 API Reference, PutBucketCors and the OPTIONS
object operation; Fetch Standard, "CORS protocol".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from daypass import limits
from daypass.wire.http import Headers, RawRequest
from daypass.wire.s3_errors import s3_error
from daypass.wire.s3_xml import Content, Element

_METHODS: Final = ("GET", "PUT", "HEAD", "POST", "DELETE")
_PRINTABLE: Final = re.compile(r"[!-~]+")
_VARY: Final = (b"vary", b"Origin, Access-Control-Request-Headers, Access-Control-Request-Method")

_LISTS: Final = {
    "AllowedOrigin": "origins",
    "AllowedMethod": "methods",
    "AllowedHeader": "headers",
    "ExposeHeader": "exposed",
}


@dataclass(frozen=True, slots=True)
class CorsRule:
    """One rule. origins, headers: patterns with at most one `*` each. max_age: seconds, as written."""

    rule_id: str | None
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: str | None

    def content(self) -> Content:
        listed = [
            *[("AllowedHeader", header) for header in self.headers],
            *[("AllowedMethod", method) for method in self.methods],
            *[("AllowedOrigin", origin) for origin in self.origins],
            *[("ExposeHeader", header) for header in self.exposed],
        ]
        named = [] if self.rule_id is None else [("ID", self.rule_id)]
        aged = [] if self.max_age is None else [("MaxAgeSeconds", self.max_age)]
        return [*named, *listed, *aged]


# ---- the configuration -------------------------------------------------------------------------------------


def read(root: Element) -> tuple[CorsRule, ...]:
    """The rules that a PutBucketCors asks for.

    Raises:
        ServiceError: MalformedXML, InvalidRequest.
    """
    if not 1 <= len(root.children) <= limits.CORS_RULES or any(rule.name != "CORSRule" for rule in root.children):
        raise s3_error("MalformedXML")
    return tuple([_rule(rule) for rule in root.children])


def _rule(element: Element) -> CorsRule:
    found: dict[str, list[str]] = {name: [] for name in (*_LISTS, "ID", "MaxAgeSeconds")}
    for child in element.children:
        if child.name not in found or child.children:
            raise s3_error("MalformedXML")
        found[child.name].append(child.text.strip())
    rule_id, max_age = found.pop("ID"), found.pop("MaxAgeSeconds")
    if len(rule_id) > 1 or len(max_age) > 1 or not found["AllowedOrigin"] or not found["AllowedMethod"]:
        raise s3_error("MalformedXML")
    if max_age and not (max_age[0].isascii() and max_age[0].isdecimal() and len(max_age[0]) <= len(str(2**31))):
        raise s3_error("MalformedXML")
    for method in found["AllowedMethod"]:
        if method not in _METHODS:
            message = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            raise s3_error("InvalidRequest", message)
    for name in ("AllowedOrigin", "AllowedHeader", "ExposeHeader"):
        for value in found[name]:
            _check_pattern(name, value)
    lists = {_LISTS[name]: tuple(values) for name, values in found.items()}
    return CorsRule(rule_id=rule_id[0] if rule_id else None, max_age=max_age[0] if max_age else None, **lists)


def _check_pattern(name: str, value: str) -> None:
    if not _PRINTABLE.fullmatch(value):
        raise s3_error("MalformedXML")
    if name == "ExposeHeader":
        if "*" in value:
            message = (
                f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard for ExposeHeader.'
            )
            raise s3_error("InvalidRequest", message)
    elif value.count("*") > 1:
        raise s3_error("InvalidRequest", f'{name} "{value}" can not have more than one wildcard.')


def kept(rules: Sequence[CorsRule]) -> str:
    """The rules as the store keeps them."""
    return json.dumps([[r.rule_id, r.origins, r.methods, r.headers, r.exposed, r.max_age] for r in rules])


@lru_cache(limits.CONDITION_VALUES_CACHED)
def kept_rules(text: str) -> tuple[CorsRule, ...]:
    """The rules as the store has them."""
    return tuple(
        [
            CorsRule(rule_id, tuple(origins), tuple(methods), tuple(headers), tuple(exposed), max_age)
            for rule_id, origins, methods, headers, exposed, max_age in json.loads(text)
        ]
    )


# ---- what a browser is told --------------------------------------------------------------------------------


def preflight(request: RawRequest, cors: str | None) -> Headers:
    """The headers of the answer that lets a browser send the request it announces.

    cors: of the bucket, as kept; None if it has none, or if there is no such bucket, which is answered the same.

    Raises:
        ServiceError: BadRequest; AccessForbidden.
    """
    origin = request.header(b"origin")
    method = request.header(b"access-control-request-method")
    if origin is None:
        raise s3_error("BadRequest", "Insufficient information. Origin request header needed.")
    if method not in _METHODS:
        raise s3_error("BadRequest", f"Invalid Access-Control-Request-Method: {_shown(method)}")
    asked = request.header(b"access-control-request-headers") or ""
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    if cors is None:
        raise s3_error("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
    for rule in kept_rules(cors):
        if method in rule.methods and _origin_fits(rule, origin) and all(_header_fits(rule, name) for name in names):
            allowed: Headers = ((b"access-control-allow-headers", ", ".join(names).encode("ascii")),) if names else ()
            return (*_origin_headers(rule, origin), *allowed)
    raise s3_error(
        "AccessForbidden",
        "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
        "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
        "resource's CORS spec.",
    )


def _shown(method: str | None) -> str:
    return "null" if method is None else method[:16]


def answer_headers(request: RawRequest, cors: str | None) -> Headers:
    """The headers that let a script of the request's origin read its answer; none if no rule does."""
    origin = request.header(b"origin")
    if origin is None or cors is None:
        return ()
    method = request.method
    for rule in kept_rules(cors):
        if method in rule.methods and _origin_fits(rule, origin):
            return _origin_headers(rule, origin)
    return ()


def _origin_headers(rule: CorsRule, origin: str) -> Headers:
    everybody = "*" in rule.origins
    named: list[tuple[bytes, bytes]] = [
        (b"access-control-allow-origin", b"*" if everybody else origin.encode("ascii")),
        (b"access-control-allow-methods", ", ".join(rule.methods).encode("ascii")),
    ]
    if not everybody:
        named.append((b"access-control-allow-credentials", b"true"))
    if rule.exposed:
        named.append((b"access-control-expose-headers", ", ".join(rule.exposed).encode("ascii")))
    if rule.max_age is not None:
        named.append((b"access-control-max-age", rule.max_age.encode("ascii")))
    return (*named, _VARY)


def _origin_fits(rule: CorsRule, origin: str) -> bool:
    if _PRINTABLE.fullmatch(origin) is None:
        return False
    return any(_fits(pattern, origin) for pattern in rule.origins)


def _header_fits(rule: CorsRule, name: str) -> bool:
    if _PRINTABLE.fullmatch(name) is None:
        return False
    return any(_fits(pattern.lower(), name) for pattern in rule.headers)


def _fits(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
