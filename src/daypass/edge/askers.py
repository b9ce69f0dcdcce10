"""Who may ask the authorizer, and what is answered to whoever may not, or asks what cannot be answered.

The same for every question, whichever way it comes (edge.authorizer, edge.question_turn).
"""

from __future__ import annotations

import hmac
import logging
from typing import Any, Final

import msgspec

from daypass.edge.proxies import Misconfigured
from daypass.edge.told import Told
from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.service.ports import AuditLog
from daypass.service.questions import QuestionError
from daypass.wire.http import Headers, RawResponse

TOKEN_HEADER: Final = b"x-daypass-authorizer-token"

_log: Final = logging.getLogger("daypass")
_encode: Final = msgspec.json.Encoder().encode


def check_asker(headers: Headers, token: Secret | None) -> None:
    """token: what an asker proves itself with; None where that is done by a Unix socket's permissions, or by its
    certificate (edge.mutual_tls).

    Raises:
        ServiceError: AccessDenied.
    """
    if token is None:
        return
    given = [value for name, value in headers if name == TOKEN_HEADER]
    if len(given) != 1 or not hmac.compare_digest(given[0], token.reveal().encode()):
        raise ServiceError("AccessDenied", 403, f"the header {TOKEN_HEADER.decode()} is missing or wrong")


def refusal(error: Exception, method: str, request_id: str) -> RawResponse:
    """The answer where there is none, whatever the reason. Call it where the error is caught, which is logged here once
    if the fault is not the asker's."""
    if isinstance(error, Misconfigured):
        _log.error("a proxy in front of S3 is not configured as it must be: %s", error)
        return _refusal(500, "Misconfigured", str(error), method, request_id)
    if isinstance(error, QuestionError):
        return _refusal(400, "ValidationError", str(error), method, request_id)
    if isinstance(error, ServiceError):
        return _refusal(error.status, error.code, error.message or "", method, request_id)
    _log.error("request %s failed", request_id, exc_info=error)
    return _refusal(500, "InternalFailure", "The question could not be answered.", method, request_id)


def _refusal(status: int, code: str, message: str, method: str, request_id: str) -> RawResponse:
    return answer(status, {"request_id": request_id, "error": {"code": code, "message": message}}, method, request_id)


def answer(status: int, told: Any, method: str, request_id: str) -> RawResponse:
    """told: what JSON can say."""
    body = _encode(told) + b"\n"
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-amzn-requestid", request_id.encode("ascii")),
    )
    return RawResponse(status, headers, b"" if method == "HEAD" else body)


def recorded(told: Told, request_id: str, audit: AuditLog) -> RawResponse:
    """The response, now that its records are written; if that fails, what is told instead."""
    try:
        audit.write_all(told.records)
    except OSError as error:
        unwritten(error)
        return told.unrecorded(request_id)
    except Exception:  # noqa: BLE001  logged here once; what is not recorded is not told
        _log.exception("the record of request %s could not be made", request_id)
        return told.unrecorded(request_id)
    return told.response


def unwritten(error: OSError) -> None:
    _log.error("the audit log cannot be written: %s", error.strerror)
