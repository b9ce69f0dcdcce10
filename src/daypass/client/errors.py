"""What can go wrong with a call to a token service: one exception class a code, and Unreachable for no answer at all.

Each class bears the code that the service answers with, which is its name; a code without a class is a
TokenServiceError. The request id is what the service's log and audit log know the call by.

Source: the error shapes of the STS model; STS API Reference, "Common Errors".
"""

from __future__ import annotations


class Unreachable(Exception):
    """No answer, or one that is not of STS."""


class TokenServiceError(Exception):
    """The service's refusal.

    code: as answered. status: of HTTP. message: None where the service sent none.
    request_id: None if the client itself found the fault, before anything was sent.
    """

    def __init__(self, code: str, status: int, message: str | None, request_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.status = status
        self.message = message
        self.request_id = request_id

    def __reduce__(self) -> tuple[type[TokenServiceError], tuple[str, int, str | None, str | None]]:
        return type(self), (self.code, self.status, self.message, self.request_id)


# --- of the operations -----------------------------------------------------------------------------------------


class MalformedPolicyDocument(TokenServiceError):
    """The session policy is no JSON, or does not follow the policy language's grammar."""


class PackedPolicyTooLarge(TokenServiceError):
    """Session policies and tags together do not fit into a token."""


class RegionDisabledException(TokenServiceError):
    """The account does not use the service in this region."""


class ExpiredTokenException(TokenServiceError):
    """The web identity token or SAML assertion that was presented has expired."""


class IDPCommunicationError(TokenServiceError):
    """The identity provider could not be asked for its keys; worth trying again."""


class IDPRejectedClaim(TokenServiceError):
    """A claim of the web identity token or SAML assertion is not accepted."""


class InvalidIdentityToken(TokenServiceError):
    """The web identity token or SAML assertion is none that the provider issued."""


class InvalidAuthorizationMessageException(TokenServiceError):
    """The encoded message is not one that the service encoded."""


class ExpiredTradeInTokenException(TokenServiceError):
    """The token to be traded in has expired."""


class JWTPayloadSizeExceededException(TokenServiceError):
    """The web identity token asked for would be too large."""


class OutboundWebIdentityFederationDisabledException(TokenServiceError):
    """The account does not let web identity tokens be issued."""


class SessionDurationEscalationException(TokenServiceError):
    """What was asked for would outlive the session that asks."""


# --- of every call ---------------------------------------------------------------------------------------------


class AccessDenied(TokenServiceError):
    """Policies do not allow the call, or credentials of this kind may not make it."""


class ExpiredToken(TokenServiceError):
    """The session whose credentials signed the request is over."""


class IncompleteSignature(TokenServiceError):
    """The signature lacks a part."""


class InvalidClientTokenId(TokenServiceError):
    """The access key or session token is not known to the service."""


class SignatureDoesNotMatch(TokenServiceError):
    """The request was not signed with the access key's secret, or not for this service, region and time."""


class ValidationError(TokenServiceError):
    """A parameter violates a constraint."""


class InvalidParameterValue(TokenServiceError):
    """A parameter has a value that cannot be used."""


class InvalidAction(TokenServiceError):
    """The service does not serve this operation."""


class Throttling(TokenServiceError):
    """Too many requests; worth trying again, later."""


class InternalFailure(TokenServiceError):
    """The service's own fault; worth trying again."""


class ServiceUnavailable(TokenServiceError):
    """The service cannot answer now; worth trying again."""


_CLASSES = {each.__name__: each for each in TokenServiceError.__subclasses__()}


def error_of(code: str, status: int, message: str | None, request_id: str | None = None) -> TokenServiceError:
    """The exception for an answered code, of its own class if it has one."""
    return _CLASSES.get(code, TokenServiceError)(code, status, message, request_id)
