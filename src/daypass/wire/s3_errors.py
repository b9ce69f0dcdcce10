"""The error codes of S3's REST protocol that Daypass answers: code → status and S3's text.

Owns the table and `s3_error`, the one way to make such an error. Rendering is `s3_xml`'s work.

Source: S3 API Reference, "Error responses", list of error codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from daypass.errors import Fault, ServiceError

# None: the text depends on the case, so whoever raises it gives one.
_CODES: Final[Mapping[str, tuple[int, str | None]]] = MappingProxyType(
    {
        "AccessControlListNotSupported": (400, "The bucket does not allow ACLs"),
        "AccessDenied": (403, "Access Denied"),
        "AccessForbidden": (403, None),
        "AuthorizationHeaderMalformed": (400, None),
        "AuthorizationQueryParametersError": (400, None),
        "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
        "BadRequest": (400, None),
        "BucketAlreadyExists": (
            409,
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again.",
        ),
        "BucketAlreadyOwnedByYou": (
            409,
            "Your previous request to create the named bucket succeeded and you already own it.",
        ),
        "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
        "ConditionalRequestConflict": (
            409,
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
        "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
        "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
        "IllegalVersioningConfigurationException": (
            400,
            "The versioning configuration specified in the request is invalid.",
        ),
        "IncompleteBody": (
            400,
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        ),
        "InternalError": (500, "We encountered an internal error. Please try again."),
        "InvalidArgument": (400, None),
        "InvalidBucketAclWithObjectOwnership": (
            400,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        ),
        "InvalidBucketName": (400, "The specified bucket is not valid."),
        "InvalidBucketState": (409, "The request is not valid with the current state of the bucket."),
        "InvalidChunkSizeError": (400, "Only the last chunk is allowed to have a size less than 8192 bytes"),
        "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
        "InvalidEncryptionAlgorithmError": (
            400,
            "The encryption request you specified is not valid. The valid value is AES256.",
        ),
        "InvalidLocationConstraint": (400, "The specified location-constraint is not valid"),
        "InvalidObjectState": (403, "The operation is not valid for the object's storage class"),
        "InvalidPart": (
            400,
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the "
            "specified entity tag may not match the part's entity tag.",
        ),
        "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
        "InvalidPartOrder": (
            400,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        "InvalidPolicyDocument": (400, None),
        "InvalidRange": (416, "The requested range is not satisfiable"),
        "InvalidRequest": (400, None),
        "InvalidStorageClass": (400, "The storage class you specified is not valid"),
        "InvalidTag": (400, None),
        "InvalidTargetBucketForLogging": (
            400,
            "The target bucket for logging does not exist, is not owned by you, or does not have the appropriate "
            "grants.",
        ),
        "InvalidURI": (400, "Couldn't parse the specified URI."),
        "KeyTooLongError": (400, "Your key is too long"),
        "MalformedPOSTRequest": (
            400,
            "The body of your POST request is not well-formed multipart/form-data.",
        ),
        "MalformedPolicy": (400, None),
        "MalformedXML": (
            400,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ),
        "MalformedTrailerError": (
            400,
            "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        ),
        "MaxPostPreDataLengthExceeded": (
            400,
            "Your POST request fields preceding the upload file were too large.",
        ),
        "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
        "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
        "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
        "MissingRequestBodyError": (400, "Request body is empty."),
        "NoSuchBucket": (404, "The specified bucket does not exist"),
        "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
        "NoSuchConfiguration": (404, "The specified configuration does not exist."),
        "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist"),
        "NoSuchKey": (404, "The specified key does not exist."),
        "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
        "NoSuchObjectLockConfiguration": (404, "The specified object does not have a ObjectLock configuration"),
        "NoSuchPublicAccessBlockConfiguration": (404, "The public access block configuration was not found"),
        "NoSuchTagSet": (404, "The TagSet does not exist"),
        "NoSuchUpload": (
            404,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed.",
        ),
        "NoSuchVersion": (404, "The specified version does not exist."),
        "NoSuchWebsiteConfiguration": (404, "The specified bucket does not have a website configuration"),
        "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
        "ObjectLockConfigurationNotFoundError": (404, "Object Lock configuration does not exist for this bucket"),
        "ObjectNotInActiveTierError": (403, "The source object of the COPY action is not in the active tier"),
        "OperationAborted": (
            409,
            "A conflicting conditional operation is currently in progress against this resource. Please try again.",
        ),
        "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found"),
        "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
        "ReplicationConfigurationNotFoundError": (404, "The replication configuration was not found"),
        "RequestTimeout": (
            400,
            "Your socket connection to the server was not read from or written to within the timeout period. "
            "Idle connections will be closed.",
        ),
        "RestoreAlreadyInProgress": (409, "Object restore is already in progress"),
        "ServerSideEncryptionConfigurationNotFoundError": (
            404,
            "The server side encryption configuration was not found",
        ),
        "ServiceUnavailable": (503, None),
        "SignatureDoesNotMatch": (
            403,
            "The request signature we calculated does not match the signature you provided. Check your key and "
            "signing method.",
        ),
        "SlowDown": (503, "Please reduce your request rate."),
        "TooManyBuckets": (400, "You have attempted to create more buckets than allowed"),
        "UnexpectedContent": (400, "This request does not support content"),
        "XAmzContentSHA256Mismatch": (
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
    }
)


def s3_error(code: str, message: str | None = None, **details: str) -> ServiceError:
    """That code with its status, and S3's own text unless another is given.

    details: further elements of the error's body, in the order given: `BucketName`, `Key`, `Header`…

    Raises:
        KeyError: the code is not in the table.
    """
    status, text = _CODES[code]
    fault: Fault = "Receiver" if status in (500, 503) else "Sender"
    return ServiceError(code, status, message if message is not None else text, fault=fault, details=details)


def not_implemented(what: str) -> ServiceError:
    """what: a sentence of the caller's terms, without a full stop; S3's own text speaks of headers only."""
    return s3_error("NotImplemented", what)


def header_not_implemented(name: str) -> ServiceError:
    """The refusal of a header whose meaning Daypass does not serve."""
    return s3_error("NotImplemented", Header=name)
