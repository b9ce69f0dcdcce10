"""Signature Version 4: what a request claims, what it signs, and whether the signature is right. Pure.

Owns the places a signature can stand in (the Authorization header, the query string, a form), the way from the
canonical request over the string to sign to the signature, and signing a request of our own to a backend.
A Claim proves nothing: finding the secret and what an error is called are service.authenticate's work.

Source: IAM User Guide, "Create a signed AWS API request" and "Troubleshoot Signature Version 4 signing";
S3 API Reference, "Authenticating requests (AWS Signature Version 4)".
"""

from daypass.wire.sigv4.claim import amz_date, read_claim
from daypass.wire.sigv4.fault import Fault, Location, SignatureFault, shown
from daypass.wire.sigv4.form import read_form_claim, read_old_form_claim
from daypass.wire.sigv4.signature import (
    UNSIGNED_PAYLOAD,
    SigningKey,
    canonical_request,
    is_right,
    sign,
    sign_bare,
    sign_with_key,
    signing_key,
    string_to_sign,
    verify,
)
from daypass.wire.sigv4.values import ALGORITHM, TERMINATOR, Claim

__all__ = [
    "ALGORITHM",
    "TERMINATOR",
    "UNSIGNED_PAYLOAD",
    "Claim",
    "Fault",
    "Location",
    "SignatureFault",
    "SigningKey",
    "amz_date",
    "canonical_request",
    "is_right",
    "read_claim",
    "read_form_claim",
    "read_old_form_claim",
    "shown",
    "sign",
    "sign_bare",
    "sign_with_key",
    "signing_key",
    "string_to_sign",
    "verify",
]
