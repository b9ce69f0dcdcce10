"""A client of token services, Daypass's and AWS's: requests as values, answers as values, errors as exceptions.

It adds to what boto3 has: constraints checked before anything is sent, secrets that show in no repr, a builder of
session policies, and credentials that renew themselves. Usable on its own, like daypass.policy:

    service = TokenService("http://127.0.0.1:8420", Credentials("AKIA…", "…"))
    request = GetFederationTokenRequest("Bob", PolicyBuilder().allow_prefix("reports", "bob"), duration_seconds=3600)
    token = service.get_federation_token(request)
"""

from daypass.client.asynchronous import AsyncTokenService
from daypass.client.credentials import Credentials
from daypass.client.errors import (
    AccessDenied,
    ExpiredToken,
    MalformedPolicyDocument,
    PackedPolicyTooLarge,
    TokenServiceError,
    Unreachable,
    ValidationError,
)
from daypass.client.policy_builder import PolicyBuilder, PolicyTooLong
from daypass.client.requests import (
    AssumeRoleRequest,
    AssumeRoleWithWebIdentityRequest,
    GetCallerIdentityRequest,
    GetFederationTokenRequest,
    GetScopedCredentialsRequest,
    GetSessionTokenRequest,
)
from daypass.client.results import (
    AssumedRole,
    CallerIdentity,
    FederationToken,
    SessionToken,
    TokenSize,
    WebIdentityRole,
)
from daypass.client.service import TokenService

__all__ = [
    "AccessDenied",
    "AssumeRoleRequest",
    "AssumeRoleWithWebIdentityRequest",
    "AssumedRole",
    "AsyncTokenService",
    "CallerIdentity",
    "Credentials",
    "ExpiredToken",
    "FederationToken",
    "GetCallerIdentityRequest",
    "GetFederationTokenRequest",
    "GetScopedCredentialsRequest",
    "GetSessionTokenRequest",
    "MalformedPolicyDocument",
    "PackedPolicyTooLarge",
    "PolicyBuilder",
    "PolicyTooLong",
    "SessionToken",
    "TokenService",
    "TokenServiceError",
    "TokenSize",
    "Unreachable",
    "ValidationError",
    "WebIdentityRole",
]
