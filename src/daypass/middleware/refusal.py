"""What a refused client gets: the code and the text that its SDK expects, as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from daypass.middleware.authorizer import Answer, Authorizer, AuthorizerUnavailable

_log: Final = logging.getLogger("daypass.middleware")

BODY_BYTES_MAX: Final = 10_485_760  # a signature covers the body's hash, so the body is read before it is believed
UNAVAILABLE: Final = Answer(
    False, None, "", 503, "ServiceUnavailable", "The request could not be authorized; try again."
)
NOT_FOUND: Final = Answer(False, None, "", 404, "ResourceNotFoundException", "There is nothing here.")
TOO_LARGE: Final = Answer(
    False, None, "", 413, "RequestEntityTooLarge", f"A request body has at most {BODY_BYTES_MAX} bytes."
)


def answer_to(question: Mapping[str, Any], authorizer: Authorizer) -> Answer:
    """The authorizer's answer; a refusal if there is none."""
    try:
        return authorizer.ask(question)
    except AuthorizerUnavailable as error:
        return unavailable(str(error))


def unavailable(why: str) -> Answer:
    """The refusal for a fault that is not the client's. The service's log says why."""
    _log.error("nobody is let through: %s", why)
    return UNAVAILABLE


def refusal(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of the refusal that the answer is."""
    body = json.dumps({"__type": answer.code, "message": answer.message}).encode() + b"\n"
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Amzn-ErrorType", answer.code),
    ]
    if answer.request_id:
        headers.append(("X-Amzn-RequestId", answer.request_id))
    return answer.status, headers, body
