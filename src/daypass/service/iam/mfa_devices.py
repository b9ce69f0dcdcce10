"""Virtual MFA devices: made with a seed that is answered once, and put to use by two codes in a row.

Hardware devices and passkeys are not served: a serial number that is none of ours is one that does not exist. Whether
a code of a call is right is service.mfa's work.

Source: IAM API Reference; IAM User Guide, "Assign a virtual MFA device"; Service Authorization Reference (what each
action is checked on; for ListVirtualMFADevices AWS's own denials).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import segno

from daypass import limits, names, totp
from daypass.names import Secret
from daypass.service.actions import Action, Check, ContextValue, Exchange, Ports
from daypass.service.iam import pages, tagging
from daypass.service.iam.faults import refusal, worded
from daypass.service.iam.targets import Checks, account_id, found, on_user, require_user, user_or_root
from daypass.service.ports import Account, Entity, MfaDeviceRecord, NotFound, StillInUse, UserRecord

Result = Mapping[str, Any]

_SERIAL_NUMBER_CHARS: Final = 256  # serialNumberType.max in the IAM model
_QR_PIXELS: Final = 4  # of one module's side
_ASSIGNED: Final = {"Assigned": True, "Unassigned": False, "Any": None}


async def create_virtual_mfa_device_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    tags = tagging.tags_of(exchange.parameters)
    check = Check("iam:CreateVirtualMFADevice", _new_serial_number(exchange), tagging.request_context(tags))
    return (check, Check("iam:TagMFADevice", check.resource, check.context)) if tags else (check,)


async def create_virtual_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    """The seed is answered here and never again, as base32 and in a QR code."""
    parameters = exchange.parameters
    if len(_new_serial_number(exchange)) > _SERIAL_NUMBER_CHARS:
        raise refusal("InvalidInput", f"the serial number would be longer than {_SERIAL_NUMBER_CHARS} characters")
    seed = totp.make_seed(ports.entropy.bytes(totp.SEED_BYTES))
    quota = f"VirtualMFADevicesPerAccount: {limits.MFA_DEVICES_PER_ACCOUNT}"
    with worded(taken="MFA device already exists.", quota=quota, tagged=f"MFADevice: {limits.TAGS_PER_ENTITY}"):
        device = await ports.directory.create_mfa_device(
            account_id(exchange),
            parameters["VirtualMFADeviceName"],
            path=parameters.get("Path", "/"),
            seed=seed,
            tags=tagging.tags_of(parameters),
        )
    return {
        "VirtualMFADevice": {
            "SerialNumber": device.serial_number,
            "Base32StringSeed": seed.reveal().encode(),
            "QRCodePNG": await asyncio.to_thread(_qr_code, device.name, exchange.caller.account, seed),
        }
        | _tags(device)
    }


async def enable_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    device = await _require_device(ports, exchange)
    in_use = "MFA Device is already in use."
    if device.owner_id is not None:
        raise refusal("EntityAlreadyExists", in_use)
    counter = _counter(exchange, device)
    quota = f"MFADevicesPerUser: {limits.MFA_DEVICES_PER_USER}"
    with worded(user=user.name, serial_number=device.serial_number, taken=in_use, quota=quota):
        if not await ports.directory.enable_mfa_device(
            device.serial_number, user.user_id, counter, exchange.request.received
        ):
            raise _wrong_codes()
    return {}


async def resync_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    user = await require_user(ports, exchange)
    device = await _require_device_of(ports, exchange, user)
    counter = _counter(exchange, device)
    with worded(serial_number=device.serial_number):
        await ports.directory.resync_mfa_device(device.serial_number, user.user_id, counter)
    return {}


async def deactivate_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    device = await _require_device_of(ports, exchange, user)
    with worded(serial_number=device.serial_number):
        await ports.directory.deactivate_mfa_device(device.serial_number, _owner_id(exchange, user))
    return {}


async def get_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    device = await _require_device_of(ports, exchange, user)
    return {"SerialNumber": device.serial_number, "EnableDate": device.enabled} | _user_name(user)


async def list_mfa_devices(ports: Ports, exchange: Exchange) -> Result:
    user = await user_or_root(ports, exchange)
    devices = await ports.directory.list_mfa_devices_of(_owner_id(exchange, user))
    shown, more = pages.page(exchange.parameters, devices, lambda device: device.serial_number)
    return {
        "MFADevices": [
            _user_name(user) | {"SerialNumber": device.serial_number, "EnableDate": device.enabled} for device in shown
        ],
        **more,
    }


async def list_virtual_mfa_devices_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    return (Check("iam:ListVirtualMFADevices", names.mfa_device_arn(account_id(exchange), "/", "")),)


async def list_virtual_mfa_devices(ports: Ports, exchange: Exchange) -> Result:
    """By serial number. What all of the account begin with is not in markers, where a long one would not fit."""
    parameters, own = exchange.parameters, names.mfa_device_arn(account_id(exchange), "/", "")
    devices = await ports.directory.list_mfa_devices(
        account_id(exchange),
        assigned=_ASSIGNED[parameters.get("AssignmentStatus", "Any")],
        after=own + pages.name_after(parameters),
        limit=pages.max_items(parameters) + 1,
    )
    shown, more = pages.page_of_names(parameters, devices, lambda device: device.serial_number.removeprefix(own))
    return {"VirtualMFADevices": [await _virtual_device(ports, device) for device in shown], **more}


async def delete_virtual_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    device = await _require_device(ports, exchange)
    with worded(serial_number=device.serial_number):
        try:
            await ports.directory.delete_mfa_device(device.serial_number)
        except StillInUse:
            raise refusal("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.") from None
    return {}


async def tag_mfa_device_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    tags = tagging.tags_of(exchange.parameters)
    return (await _device_check(ports, exchange, "iam:TagMFADevice", tagging.request_context(tags)),)


async def tag_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    device = await _require_device(ports, exchange)
    with worded(serial_number=device.serial_number, tagged=f"MFADevice: {limits.TAGS_PER_ENTITY}"):
        await ports.directory.tag_mfa_device(device.serial_number, tagging.tags_of(exchange.parameters))
    return {}


async def untag_mfa_device_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
    keys = tagging.keys_context(exchange.parameters["TagKeys"])
    return (await _device_check(ports, exchange, "iam:UntagMFADevice", keys),)


async def untag_mfa_device(ports: Ports, exchange: Exchange) -> Result:
    device = await _require_device(ports, exchange)
    with worded(serial_number=device.serial_number):
        await ports.directory.untag_mfa_device(device.serial_number, exchange.parameters["TagKeys"])
    return {}


async def list_mfa_device_tags(ports: Ports, exchange: Exchange) -> Result:
    device = await _require_device(ports, exchange)
    shown, more = pages.page(exchange.parameters, tagging.tag_list(device.tags), lambda tag: tag["Key"])
    return {"Tags": shown, **more}


def _on_device(action: str) -> Checks:
    """The checks of an action that needs its own permission on the device, and nothing more."""

    async def checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await _device_check(ports, exchange, action),)

    return checks


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateVirtualMFADevice": Action(create_virtual_mfa_device, create_virtual_mfa_device_checks),
    "EnableMFADevice": Action(enable_mfa_device, on_user("iam:EnableMFADevice")),
    "ResyncMFADevice": Action(resync_mfa_device, on_user("iam:ResyncMFADevice")),
    "DeactivateMFADevice": Action(deactivate_mfa_device, on_user("iam:DeactivateMFADevice")),
    "GetMFADevice": Action(get_mfa_device, on_user("iam:GetMFADevice")),
    "ListMFADevices": Action(list_mfa_devices, on_user("iam:ListMFADevices")),
    "ListVirtualMFADevices": Action(list_virtual_mfa_devices, list_virtual_mfa_devices_checks),
    "DeleteVirtualMFADevice": Action(delete_virtual_mfa_device, _on_device("iam:DeleteVirtualMFADevice")),
    "TagMFADevice": Action(tag_mfa_device, tag_mfa_device_checks),
    "UntagMFADevice": Action(untag_mfa_device, untag_mfa_device_checks),
    "ListMFADeviceTags": Action(list_mfa_device_tags, _on_device("iam:ListMFADeviceTags")),
}


async def _find_device(ports: Ports, exchange: Exchange) -> MfaDeviceRecord | None:
    """The device of the account that SerialNumber names."""
    serial_number = exchange.parameters["SerialNumber"]
    looking = ports.directory.find_mfa_device(account_id(exchange), serial_number)
    return await found(exchange, f"MFA device {serial_number}", looking)


async def _require_device(ports: Ports, exchange: Exchange) -> MfaDeviceRecord:
    """As _find_device.

    Raises:
        ServiceError: NoSuchEntity.
    """
    device = await _find_device(ports, exchange)
    with worded(serial_number=exchange.parameters["SerialNumber"]):
        if device is None:
            raise NotFound(Entity.MFA_DEVICE)
    return device


async def _require_device_of(ports: Ports, exchange: Exchange, user: UserRecord | None) -> MfaDeviceRecord:
    """The device, if it is in use by that user, or by root if there is none.

    Raises:
        ServiceError: NoSuchEntity.
    """
    device = await _require_device(ports, exchange)
    with worded(serial_number=device.serial_number):
        if device.owner_id != _owner_id(exchange, user):
            raise NotFound(Entity.MFA_DEVICE)
    return device


async def _device_check(
    ports: Ports, exchange: Exchange, action: str, context: Mapping[str, ContextValue] | None = None
) -> Check:
    """The check of an action on the device; one that is not there is checked under the serial number as given."""
    device = await _find_device(ports, exchange)
    serial_number = exchange.parameters["SerialNumber"]
    own = names.mfa_device_arn(account_id(exchange), "/", "")
    resource = serial_number if serial_number.startswith(own) else own + serial_number
    tags = tagging.resource_context({} if device is None else device.tags, "aws")
    return Check(action, resource, tags | dict(context or {}))


def _counter(exchange: Exchange, device: MfaDeviceRecord) -> int:
    """The time step of the second code.

    Raises:
        ServiceError: InvalidAuthenticationCode; the codes are not two of the device in a row, as of now.
    """
    codes = (exchange.parameters["AuthenticationCode1"], exchange.parameters["AuthenticationCode2"])
    counter = totp.consecutive_counter(device.seed, codes, exchange.request.received, limits.MFA_WINDOW_STEPS)
    if counter is None:
        raise _wrong_codes()
    return counter


def _wrong_codes() -> Exception:
    return refusal("InvalidAuthenticationCode", "Authentication code for device is not valid.")


def _new_serial_number(exchange: Exchange) -> str:
    parameters = exchange.parameters
    return names.mfa_device_arn(account_id(exchange), parameters.get("Path", "/"), parameters["VirtualMFADeviceName"])


def _owner_id(exchange: Exchange, user: UserRecord | None) -> str:
    """The user's id, or the account id for root."""
    return account_id(exchange) if user is None else user.user_id


def _user_name(user: UserRecord | None) -> dict[str, Any]:
    return {} if user is None else {"UserName": user.name}


async def _virtual_device(ports: Ports, device: MfaDeviceRecord) -> dict[str, Any]:
    """A device as it is listed: without its seed, and without its tags."""
    answer: dict[str, Any] = {"SerialNumber": device.serial_number}
    if device.enabled is not None:
        answer["EnableDate"] = device.enabled
    user = None if device.owner_id is None else await ports.identities.user(device.owner_id)
    if user is not None:
        answer["User"] = {
            "Path": user.path,
            "UserName": user.name,
            "UserId": user.user_id,
            "Arn": user.arn,
            "CreateDate": user.created,
        }
    return answer


def _tags(device: MfaDeviceRecord) -> dict[str, Any]:
    return {"Tags": tagging.tag_list(device.tags)} if device.tags else {}


def _qr_code(name: str, account: Account, seed: Secret) -> bytes:
    """A PNG of the URL that authenticator applications read: IAM API Reference, VirtualMFADevice."""
    label = quote(f"{name}@{account.alias or account.account_id}")
    written = io.BytesIO()
    segno.make_qr(f"otpauth://totp/{label}?secret={seed.reveal()}").save(written, kind="png", scale=_QR_PIXELS)
    return written.getvalue()
