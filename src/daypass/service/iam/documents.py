"""Policy documents in IAM calls: checked before they are stored, sized as the quotas count, answered encoded.

Source: IAM API Reference, GetUserPolicy ("URL-encoded compliant with RFC 3986"); IAM User Guide, "IAM and STS
quotas" (white space does not count).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from daypass.policy import Policy, PolicyError, PolicyKind
from daypass.service.iam.faults import refusal

_WITHOUT_WHITE_SPACE: Final = dict.fromkeys(map(ord, " \t\r\n"))


def check_document(text: str, *, managed: bool = False) -> None:
    """Refuse what is not an identity-based policy.

    managed: whether it is to be a managed policy, which must state version 2012-10-17.

    Raises:
        ServiceError: MalformedPolicyDocument, in AWS's words for the first fault.
    """
    try:
        Policy.parse(text, PolicyKind.IDENTITY, managed=managed)
    except PolicyError as error:
        raise refusal("MalformedPolicyDocument", error.message) from None


def quota_size(text: str) -> int:
    """The characters that count towards a policy quota."""
    return len(text.translate(_WITHOUT_WHITE_SPACE))


def encoded(text: str) -> str:
    """The document as IAM answers it: percent-encoded, everything but RFC 3986's unreserved characters."""
    return quote(text, safe="")
