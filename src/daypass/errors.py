"""Errors a caller can see: ServiceError, and each AWS code that more than one module raises.

Owns codes, statuses and AWS's wording. How an error is written (Query XML, JSON, S3 XML) is wire's work.
A caller's fault is a ServiceError; ours is any other exception.

Source: the service models' error shapes; STS API Reference, "Common Errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Fault = Literal["Sender", "Receiver"]


class ServiceError(Exception):
    """An answer to the caller: AWS's code, HTTP status, whose fault it is, and AWS's text.

    message: None where AWS sends no <Message> element at all.
    details: further elements of S3's error body, such as {"BucketName": …}; never a secret.
    """

    def __init__(
        self,
        code: str,
        status: int,
        message: str | None,
        *,
        fault: Fault = "Sender",
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.fault: Fault = fault
        self.details: Mapping[str, str] = details or {}


def access_denied(message: str) -> ServiceError:
    return ServiceError("AccessDenied", 403, message)


def validation_error(message: str) -> ServiceError:
    return ServiceError("ValidationError", 400, message)


def internal_failure() -> ServiceError:
    """Our fault, whatever it was: the details stay in our log, beside the request id."""
    return ServiceError(
        "InternalFailure",
        500,
        "The request processing has failed because of an unknown error, exception or failure.",
        fault="Receiver",
    )


def service_unavailable(message: str) -> ServiceError:
    return ServiceError("ServiceUnavailable", 503, message, fault="Receiver")
