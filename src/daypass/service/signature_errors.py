"""What each fault of a signature is called: one row a fault, in the words of the Query protocol and of S3.

AWS's code, status and text wherever they are known. Where they are not, the row says so by its wording: lower
case, no full stop, or a sentence added to AWS's.

Source: IAM User Guide, "Troubleshoot Signature Version 4 signing"; STS API Reference, "Common Errors"; S3 API
Reference, "Error responses"; scratchstack-aws-signature, "AWS Auth Error Ordering".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from daypass.errors import ServiceError
from daypass.wire.sigv4 import Fault, SignatureFault


def service_error(fault: SignatureFault, service: str) -> ServiceError:
    """The fault as a service words it. service: `s3`, or any that speaks the Query protocol."""
    query, s3 = _ERRORS[fault.fault]
    error = s3 if service == "s3" else query
    message = None if error.message is None else error.message.format_map(fault.details)
    details = {name: fault.details[name] for name in error.elements if name in fault.details}
    return ServiceError(error.code, error.status, message, details=details)


class _Error(NamedTuple):
    """message: {…} are the fault's details. elements: those details that S3 adds to the error's body."""

    code: str
    status: int
    message: str | None
    elements: tuple[str, ...] = ()


_HASHED: Final = "(Hashed with SHA-256 and encoded with Base64)"
_MISSING_TOKEN: Final = _Error("MissingAuthenticationToken", 403, "Request is missing Authentication Token")
_QUERY_MISMATCH: Final = _Error(
    "SignatureDoesNotMatch",
    403,
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
    "Key and signing method. Consult the service documentation for details.",
)
_QUERY_SCOPE: Final = _Error("SignatureDoesNotMatch", 403, "{Reason}")
_QUERY_PART: Final = _Error("IncompleteSignature", 400, "{Reason}")
_QUERY_DATE: Final = _Error(
    "IncompleteSignature",
    400,
    "Date must be in ISO-8601 'basic format'. Got '{Date}'. See http://en.wikipedia.org/wiki/ISO_8601",
)
_QUERY_CREDENTIAL: Final = _Error(
    "IncompleteSignature",
    400,
    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{Credential}'",
)
_S3_MECHANISM: Final = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."  # S3's sentence
)
_SIGV2: Final = " This is Signature Version 2: set signature_version=s3v4 in the client"
_SIGV4A: Final = " This is SigV4A: sign with SigV4"
_S3_HEADER_PARTS: Final = _Error(
    "AuthorizationHeaderMalformed",
    400,
    "The authorization header is malformed; the authorization header requires three components: "
    "Credential, SignedHeaders, and Signature.",
)
_S3_QUERY_PARTS: Final = _Error(
    "AuthorizationQueryParametersError",
    400,
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
)
_S3_DATE: Final = _Error("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header")
_S3_SKEW: Final = _Error(
    "RequestTimeTooSkewed",
    403,
    "The difference between the request time and the current time is too large.",
    ("RequestTime", "ServerTime", "MaxAllowedSkewMilliseconds"),
)
_NOT_SIGNED: Final = _Error(
    "AccessDenied", 403, "There were headers present in the request which were not signed", ("HeadersNotSigned",)
)
_EXPECTED_CREDENTIAL: Final = (
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
)

# fault → (Query protocol, S3)
_ERRORS: Final[Mapping[Fault, tuple[_Error, _Error]]] = {
    Fault.MISSING: (_MISSING_TOKEN, _Error("AccessDenied", 403, "Access Denied")),
    Fault.BROKEN_ESCAPE: (
        _Error("MalformedQueryString", 400, "{Reason}"),
        _Error("InvalidURI", 400, "Couldn't parse the specified URI."),
    ),
    Fault.TWO_LOCATIONS: (
        _Error("SignatureDoesNotMatch", 403, None),
        _Error(
            "InvalidArgument",
            400,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
            "parameter or the Authorization header should be specified",
            ("ArgumentName",),
        ),
    ),
    Fault.REPEATED_HEADER: (
        _Error("IncompleteSignature", 400, "the header `{Header}` is there more than once"),
        _Error("InvalidRequest", 400, "the header `{Header}` is there more than once"),
    ),
    Fault.TOO_LONG: (
        _Error("IncompleteSignature", 400, "the request's authentication is longer than any signature"),
        _Error("InvalidRequest", 400, "the request's authentication is longer than any signature"),
    ),
    Fault.ALGORITHM: (
        _Error("IncompleteSignature", 400, "Unsupported AWS 'algorithm': '{Algorithm}'."),
        _Error("InvalidRequest", 400, _S3_MECHANISM),
    ),
    Fault.SIGV4A: (
        _Error(
            "IncompleteSignature",
            400,
            "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'." + _SIGV4A,
        ),
        _Error("NotImplemented", 501, _S3_MECHANISM + _SIGV4A),
    ),
    Fault.SIGV2: (
        _Error("IncompleteSignature", 400, "Unsupported AWS 'algorithm': 'AWS'." + _SIGV2),
        _Error("InvalidRequest", 400, _S3_MECHANISM + _SIGV2),
    ),
    Fault.HEADER_COMPONENT: (
        _Error(
            "IncompleteSignature",
            400,
            "Invalid key=value pair (missing equal-sign) in Authorization header "
            "(hashed with SHA-256 and encoded with Base64): '{Hash}'.",
        ),
        _S3_HEADER_PARTS,
    ),
    Fault.HEADER_PARTS: (
        _Error("IncompleteSignature", 400, "{Reason} " + _HASHED + " Authorization={Hash}"),
        _S3_HEADER_PARTS,
    ),
    Fault.HEADER_DATE_ABSENT: (
        _Error("IncompleteSignature", 400, "{Reason} " + _HASHED + " Authorization={Hash}"),
        _S3_DATE,
    ),
    Fault.QUERY_ALGORITHM_ABSENT: (_MISSING_TOKEN, _S3_QUERY_PARTS),
    Fault.QUERY_ALGORITHM: (
        _MISSING_TOKEN,
        _Error("AuthorizationQueryParametersError", 400, 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"'),
    ),
    Fault.QUERY_PARTS: (
        _Error("IncompleteSignature", 400, "{Reason} Re-examine the query-string parameters."),
        _S3_QUERY_PARTS,
    ),
    Fault.CONTENT_HASH_ABSENT: (
        _QUERY_MISMATCH,
        _Error("InvalidRequest", 400, "Missing required header for this request: x-amz-content-sha256"),
    ),
    Fault.HOST_NOT_SIGNED: (
        _Error(
            "SignatureDoesNotMatch",
            403,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        _NOT_SIGNED,
    ),
    Fault.HEADERS_NOT_SIGNED: (_NOT_SIGNED, _NOT_SIGNED),
    Fault.HEADER_DATE: (_QUERY_DATE, _S3_DATE),
    Fault.QUERY_DATE: (
        _QUERY_DATE,
        _Error(
            "AuthorizationQueryParametersError",
            400,
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
        ),
    ),
    Fault.EXPIRES: (_QUERY_PART, _Error("AuthorizationQueryParametersError", 400, "{Reason}")),
    Fault.TOO_OLD: (
        _Error(
            "SignatureDoesNotMatch",
            403,
            "Signature expired: {RequestTime} is now earlier than {Bound} ({Now} - 15 min.)",
        ),
        _S3_SKEW,
    ),
    Fault.TOO_NEW: (
        _Error(
            "SignatureDoesNotMatch",
            403,
            "Signature not yet current: {RequestTime} is still later than {Bound} ({Now} + 15 min.)",
        ),
        _S3_SKEW,
    ),
    Fault.PRESIGNED_OVER: (
        _Error(
            "SignatureDoesNotMatch",
            403,
            "Signature expired: {RequestTime} is now earlier than {Bound} ({Now} - {X-Amz-Expires} sec.)",
        ),
        _Error("AccessDenied", 403, "Request has expired", ("X-Amz-Expires", "Expires", "ServerTime")),
    ),
    Fault.HEADER_CREDENTIAL: (
        _QUERY_CREDENTIAL,
        _Error("AuthorizationHeaderMalformed", 400, "The authorization header is malformed; " + _EXPECTED_CREDENTIAL),
    ),
    Fault.QUERY_CREDENTIAL: (
        _QUERY_CREDENTIAL,
        _Error(
            "AuthorizationQueryParametersError",
            400,
            "Error parsing the X-Amz-Credential parameter; " + _EXPECTED_CREDENTIAL,
        ),
    ),
    Fault.HEADER_SCOPE: (
        _QUERY_SCOPE,
        _Error("AuthorizationHeaderMalformed", 400, "The authorization header is malformed; {S3Reason}", ("Region",)),
    ),
    Fault.QUERY_SCOPE: (
        _QUERY_SCOPE,
        _Error(
            "AuthorizationQueryParametersError",
            400,
            "Error parsing the X-Amz-Credential parameter; {S3Reason}",
            ("Region",),
        ),
    ),
    Fault.TOKEN_INVALID: (
        _Error("InvalidClientTokenId", 403, "The security token included in the request is invalid"),
        # AWS echoes the token as <Token-0>; a token is a secret, and stays out of errors here.
        _Error("InvalidToken", 400, "The provided token is malformed or otherwise invalid."),
    ),
    Fault.TOKEN_EXPIRED: (
        _Error("ExpiredToken", 403, "The security token included in the request is expired"),
        _Error("ExpiredToken", 400, "The provided token has expired."),
    ),
    Fault.ACCESS_KEY: (
        _Error("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
        _Error(
            "InvalidAccessKeyId",
            403,
            "The AWS Access Key Id you provided does not exist in our records.",
            ("AWSAccessKeyId",),
        ),
    ),
    Fault.SIGNATURE: (
        _QUERY_MISMATCH,
        _Error(
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            (
                "AWSAccessKeyId",
                "StringToSign",
                "SignatureProvided",
                "StringToSignBytes",
                "CanonicalRequest",
                "CanonicalRequestBytes",
            ),
        ),
    ),
}
