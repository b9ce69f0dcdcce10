"""The kinds of policy, and what can be wrong with a document of each kind.

Owns AWS's texts for a refused document and the order in which AWS looks for faults. Which API error a fault
becomes (MalformedPolicyDocument, MalformedPolicy, …) is the services' knowledge.

Source: IAM User Guide, "Policy grammar"; the replies of CreatePolicy, CreateRole, GetFederationToken and
PutBucketPolicy as recorded in public test suites and issue reports.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final


class PolicyKind(StrEnum):
    """What a policy is for. The value is AWS's word for it in AccessDenied messages."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"
    ROLE_TRUST = "role trust policy"
    SERVICE_CONTROL = "service control policy"
    RESOURCE_CONTROL = "resource control policy"


class PolicyFault(Enum):
    """What is wrong with a document, in the order in which AWS looks: of several faults the first is reported."""

    TOO_LARGE = 0
    NOT_JSON = 1
    SYNTAX = 2
    VERSION = 3
    LEGACY_PARSING = 4
    DUPLICATE_SID = 5
    SID_CHARACTERS = 6
    NO_ACTION = 7
    RESOURCE_FORMAT = 8
    ACTION_FORMAT = 9
    NO_RESOURCE = 10
    TRUST_ACTION = 11
    RESOURCE_PROHIBITED = 12
    PRINCIPAL_PROHIBITED = 13
    PRINCIPAL_REQUIRED = 14
    EMPTY_PRINCIPAL = 15
    INVALID_PRINCIPAL = 16
    NOT_PRINCIPAL_WITH_ALLOW = 17
    INVALID_ACTION = 18
    INVALID_RESOURCE = 19
    ACTION_FITS_NO_RESOURCE = 20
    INVALID_CONDITION = 21


# What is asked of a new document only: one that was accepted before can be compiled and means something without it.
ASKED_OF_NEW: Final = frozenset(
    {
        PolicyFault.TOO_LARGE,
        PolicyFault.VERSION,
        PolicyFault.LEGACY_PARSING,
        PolicyFault.DUPLICATE_SID,
        PolicyFault.SID_CHARACTERS,
        PolicyFault.RESOURCE_FORMAT,
        PolicyFault.ACTION_FORMAT,
        PolicyFault.EMPTY_PRINCIPAL,
        PolicyFault.INVALID_ACTION,
        PolicyFault.INVALID_RESOURCE,
        PolicyFault.ACTION_FITS_NO_RESOURCE,
        PolicyFault.INVALID_CONDITION,
    }
)


class PolicyError(ValueError):
    """A document that is no policy of its kind.

    path: the offending element, such as `Statement[0].Effect`; empty for the document as a whole.
    message: AWS's text for the fault.
    """

    def __init__(self, fault: PolicyFault, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.fault = fault
        self.path = path
        self.message = message
