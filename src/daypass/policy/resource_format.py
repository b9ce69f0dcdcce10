"""What IAM says of a Resource that is no ARN it accepts.

Source: the replies of CreatePolicy, as recorded in public test suites.
"""

from __future__ import annotations

import re
from typing import Final

# Most resources: nothing below has anything to say of them.
_PLAIN: Final = re.compile(r"arn:aws:(?:s3:::|(?!s3:|iam:)[^:]+:[^:]*:[^:]*:)", re.ASCII)
_PARTITIONS: Final = (
    "aws",
    "aws-cn",
    "aws-us-gov",
    "aws-iso",
    "aws-iso-b",
    "aws-iso-e",
    "aws-iso-f",
    "aws-eusc",
)
_IAM_PATHS: Final = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)
_IAM_PATH_TEXT: Final = f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'


def resource_fault(resource: str) -> str | None:
    """IAM's text for what is wrong with a Resource; None if it accepts it."""
    if resource == "*" or _PLAIN.match(resource):
        return None
    parts = resource.split(":", 5)
    if len(parts) == 1:
        return f'Resource {resource} must be in ARN format or "*".'
    partition = parts[1]
    if partition not in _PARTITIONS and "*" not in partition:
        missing = ["*"] * (6 - len(parts))
        return f'Partition "{partition}" is not valid for resource "{":".join(["arn", *parts[1:], *missing])}".'
    if len(parts) == 2:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    if parts[0] != "arn":
        return f'Resource {resource} must be in ARN format or "*".'
    return _service_fault(resource, parts)


def _service_fault(resource: str, parts: list[str]) -> str | None:
    service = parts[2]
    # The missing parts of a short ARN count as `*`.
    has_region = len(parts) > 3 and parts[3] != ""
    path = parts[5] if len(parts) == 6 else "*"
    # Access points, jobs and the like have a region, and an account with it; buckets and objects have neither.
    if service == "s3" and has_region and parts[4:5] in ([], [""]):
        return f"Resource {resource} can not contain region information."
    if service == "iam":
        if has_region:
            return f"IAM resource {resource} cannot contain region information."
        # AssumeRoot (2024) names `root`, which the text is older than.
        if path not in ("*", "root") and not path.startswith(_IAM_PATHS):
            return _IAM_PATH_TEXT
    return None


def fails_legacy_parsing(resource: str) -> bool:
    """Whether IAM's older parser gives up: an empty service, or an empty part in a short ARN."""
    if resource == "*" or _PLAIN.match(resource):
        return False
    return (resource.count(":") < 5 and "::" in resource) or resource.split(":", 3)[2:3] == [""]
