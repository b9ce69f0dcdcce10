"""A browser upload's claim: what is signed is the form's policy, and the signature is one of its fields.

Source: S3 API Reference, "Authenticating requests in browser-based uploads using POST (AWS Signature Version 4)".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from daypass import limits
from daypass.wire.sigv4.claim import parse_amz_date, split_credential
from daypass.wire.sigv4.fault import Fault, SignatureFault, shown
from daypass.wire.sigv4.values import ALGORITHM, Claim

_FIELDS: Final = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"})
_OLD_FIELDS: Final = frozenset({"awsaccesskeyid", "signature"})
_LIFE: Final = timedelta(seconds=limits.PRESIGNED_EXPIRES_MAX_SECONDS)
_SKEW: Final = timedelta(seconds=limits.CLOCK_SKEW_SECONDS)


def read_form_claim(fields: Mapping[str, str], received: datetime) -> Claim | None:
    """What the form says of its signature; None if it bears none of either version.

    fields: by lower-case name.

    Raises:
        SignatureFault: a signature that cannot be read, of two versions at once, or not of this time. SIGV2 for one
            of Version 2; `read_old_form_claim` reads it where it is switched on.
    """
    new, old = _FIELDS & fields.keys(), _OLD_FIELDS & fields.keys()
    if new and old:
        raise _fault(Fault.TWO_LOCATIONS, {"ArgumentName": sorted(old)[0]})
    if old:
        raise _fault(Fault.SIGV2)
    if not new:
        return None
    if fields.get("x-amz-algorithm") != ALGORITHM:
        raise _fault(Fault.QUERY_ALGORITHM)
    if new != _FIELDS:
        raise _fault(Fault.QUERY_PARTS)
    scope = split_credential(fields["x-amz-credential"])
    if scope is None:
        raise _fault(Fault.QUERY_CREDENTIAL, {"Credential": shown(fields["x-amz-credential"])})
    date = fields["x-amz-date"]
    request_time = parse_amz_date(date) if len(date) == 16 else None
    if request_time is None:
        raise _fault(Fault.QUERY_DATE, {"Date": shown(date)})
    access_key_id, day, region, service, terminator = scope
    # A signing key is good for seven days, whatever the policy says.
    if not request_time - _SKEW <= received < request_time + _LIFE:
        raise _fault(Fault.HEADER_DATE, {"Date": shown(date)})
    return Claim(
        location="form",
        access_key_id=access_key_id,
        date=day,
        region=region,
        service=service,
        terminator=terminator,
        signed_headers=(),
        signature=fields["x-amz-signature"],
        amz_date=date,
        request_time=request_time,
        expires_seconds=None,
        session_token=fields.get("x-amz-security-token"),
        declared_payload_hash=None,
    )


def read_old_form_claim(fields: Mapping[str, str], received: datetime) -> Claim:
    """The same of a form that `read_form_claim` found to be signed with Version 2.

    Raises:
        SignatureFault: it cannot be read.
    """
    if not fields.keys() >= _OLD_FIELDS:
        raise _fault(Fault.QUERY_PARTS)
    return Claim(
        location="form",
        access_key_id=fields["awsaccesskeyid"],
        date="",
        region="",
        service="s3",
        signed_headers=(),
        signature=fields["signature"],
        amz_date="",
        request_time=received,
        expires_seconds=None,
        session_token=fields.get("x-amz-security-token"),
        declared_payload_hash=None,
        algorithm="AWS",
    )


def _fault(fault: Fault, details: Mapping[str, str] | None = None) -> SignatureFault:
    return SignatureFault(fault, details, service="s3", location="form")
