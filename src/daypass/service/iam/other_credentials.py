"""Credentials of users for AWS services that Daypass has not: SSH keys, signing certificates, service passwords.

There are none, and none can be made. Whether a user has any is answered all the same, and truly: clients ask before
they delete a user (Ansible's iam_user, Terraform's force_destroy), and would give up at a refusal.

Source: IAM API Reference, "ListSSHPublicKeys", "ListSigningCertificates", "ListServiceSpecificCredentials".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from daypass.errors import ServiceError
from daypass.service.actions import Action, Exchange, Ports
from daypass.service.iam import pages
from daypass.service.iam.faults import refusal
from daypass.service.iam.targets import on_user, user_or_root

Result = Mapping[str, Any]


async def list_ssh_public_keys(ports: Ports, exchange: Exchange) -> Result:
    return await _none(ports, exchange, "SSHPublicKeys")


async def list_signing_certificates(ports: Ports, exchange: Exchange) -> Result:
    return await _none(ports, exchange, "Certificates")


async def list_service_specific_credentials(ports: Ports, exchange: Exchange) -> Result:
    parameters = exchange.parameters
    if "AllUsers" in parameters:
        # It asks about every user, which takes a permission on every user.
        raise refusal("InvalidInput", "`AllUsers` is not served: ask for each user")
    if "ServiceName" in parameters:
        raise ServiceError("NotSupportedService", 404, f"no such service: `{parameters['ServiceName']}`")
    return await _none(ports, exchange, "ServiceSpecificCredentials")


async def _none(ports: Ports, exchange: Exchange, member: str) -> Result:
    """An empty list, of a user that exists."""
    await user_or_root(ports, exchange)
    nothing: list[str] = []
    shown, more = pages.page(exchange.parameters, nothing, str)
    return {member: shown, **more}


ACTIONS: Final[Mapping[str, Action]] = {
    "ListSSHPublicKeys": Action(list_ssh_public_keys, on_user("iam:ListSSHPublicKeys")),
    "ListSigningCertificates": Action(list_signing_certificates, on_user("iam:ListSigningCertificates")),
    "ListServiceSpecificCredentials": Action(
        list_service_specific_credentials, on_user("iam:ListServiceSpecificCredentials")
    ),
}
