"""service.iam.mfa_devices through boto3, with codes of an implementation of the tests' own.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import pytest

from daypass import limits
from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import refusal, user_arn

WRONG = (403, "InvalidAuthenticationCode", "Authentication code for device is not valid.")
NO_SUCH_USER = (404, "NoSuchEntity", "The user with name nobody cannot be found.")


def mfa_arn(name: str, path: str = "/") -> str:
    return f"arn:aws:iam::{ACCOUNT}:mfa{path}{name}"


def missing(serial_number: str) -> tuple[int, str, str]:
    return 404, "NoSuchEntity", f"MFA Device with serial number {serial_number} does not exist."


class Phone:
    """What shows the codes: RFC 6238, written once more."""

    def __init__(self, seed: bytes) -> None:
        self._key = base64.b32decode(seed)

    def code(self, steps_away: int = 0, at: float | None = None) -> str:
        counter = int(time.time() if at is None else at) // 30 + steps_away
        digest = hmac.new(self._key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
        start = digest[19] % 16
        return str((int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF) % 1_000_000).zfill(6)

    def codes(self) -> dict[str, str]:
        """Of the step before this one and of this one. They are still taken if the next step begins meanwhile."""
        now = time.time()
        return {"AuthenticationCode1": self.code(-1, now), "AuthenticationCode2": self.code(0, now)}


def new_device(iam: Any, name: str, **further: Any) -> tuple[str, Phone]:
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, **further)["VirtualMFADevice"]
    return made["SerialNumber"], Phone(made["Base32StringSeed"])


@pytest.mark.parametrize("path", [None, "/", "/test-path/", "/test//double/"])
def test_a_device_is_made_listed_and_removed(iam: Any, name: str, path: str | None) -> None:
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, **({"Path": path} if path else {}))
    device = made["VirtualMFADevice"]
    serial = device["SerialNumber"]
    assert serial == mfa_arn(name, path or "/")
    assert {*device} == {"SerialNumber", "Base32StringSeed", "QRCodePNG"}
    assert len(base64.b32decode(device["Base32StringSeed"])) == 40
    assert device["QRCodePNG"].startswith(b"\x89PNG\r\n\x1a\n")
    listed = iam.list_virtual_mfa_devices(MaxItems=1000)["VirtualMFADevices"]
    assert [found for found in listed if found["SerialNumber"] == serial] == [{"SerialNumber": serial}]
    iam.delete_virtual_mfa_device(SerialNumber=serial)
    assert refusal(iam.delete_virtual_mfa_device, SerialNumber=serial) == missing(serial)


def test_a_name_below_a_path_is_taken_once(iam: Any, name: str) -> None:
    new_device(iam, name)
    assert refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName=name) == (
        409,
        "EntityAlreadyExists",
        "MFA device already exists.",
    )
    new_device(iam, name, Path="/other/")


@pytest.mark.parametrize(
    "parameters",
    [
        {"Path": "invalid-path/"},
        {"Path": "/invalid-path"},
        {"Path": "/" + "a" * 512 + "/"},
        {"VirtualMFADeviceName": "a b"},
    ],
)
def test_names_and_paths_that_the_model_does_not_allow_are_refused(iam: Any, parameters: dict[str, str]) -> None:
    call = {"VirtualMFADeviceName": "never-made"} | parameters
    assert refusal(iam.create_virtual_mfa_device, **call)[:2] == (400, "ValidationError")


def test_a_serial_number_fits_where_serial_numbers_are_passed(iam: Any) -> None:
    assert refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName="a" * 240)[:2] == (400, "InvalidInput")


def test_two_codes_in_a_row_put_a_device_to_use(iam: Any, name: str) -> None:
    user = iam.create_user(UserName=name, Path="/dev/")["User"]
    serial, phone = new_device(iam, name)
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **phone.codes())
    (device,) = iam.list_mfa_devices(UserName=name)["MFADevices"]
    assert {*device} == {"UserName", "SerialNumber", "EnableDate"}
    assert (device["UserName"], device["SerialNumber"]) == (name, serial)
    found = iam.get_mfa_device(SerialNumber=serial, UserName=name)
    assert (found["UserName"], found["SerialNumber"], found["EnableDate"]) == (name, serial, device["EnableDate"])

    def listed(status: str) -> list[dict[str, Any]]:
        devices = iam.list_virtual_mfa_devices(AssignmentStatus=status, MaxItems=1000)["VirtualMFADevices"]
        return [found for found in devices if found["SerialNumber"] == serial]

    assert listed("Assigned") == [{"SerialNumber": serial, "EnableDate": device["EnableDate"], "User": user}]
    assert listed("Any") == listed("Assigned")
    assert listed("Unassigned") == []
    assert refusal(iam.delete_virtual_mfa_device, SerialNumber=serial) == (
        409,
        "DeleteConflict",
        "MFA VirtualDevice in use. Must deactivate first.",
    )
    assert refusal(iam.delete_user, UserName=name) == (
        409,
        "DeleteConflict",
        "Cannot delete entity, must delete MFA device first.",
    )
    iam.deactivate_mfa_device(UserName=name, SerialNumber=serial)
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []
    assert listed("Unassigned") == [{"SerialNumber": serial}]
    assert refusal(iam.get_mfa_device, SerialNumber=serial, UserName=name) == missing(serial)


def test_wrong_codes_put_nothing_to_use(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    serial, phone = new_device(iam, name)
    before, now, later = phone.code(-1), phone.code(), phone.code(-40)
    for first, second in ((now, before), (now, now), ("000000", now), (before, "000000"), (phone.code(-41), later)):
        codes = {"AuthenticationCode1": first, "AuthenticationCode2": second}
        assert refusal(iam.enable_mfa_device, UserName=name, SerialNumber=serial, **codes) == WRONG
    assert iam.list_mfa_devices(UserName=name)["MFADevices"] == []


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "１２３４５６"])
def test_what_is_no_code_is_refused_before_the_device_is_looked_at(iam: Any, name: str, code: str) -> None:
    codes = {"AuthenticationCode1": code, "AuthenticationCode2": "123456"}
    refused = refusal(iam.enable_mfa_device, UserName="nobody", SerialNumber=mfa_arn(name), **codes)
    assert refused[:2] == (400, "ValidationError")


def test_the_codes_that_enabled_a_device_do_not_enable_it_again(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    serial, phone = new_device(iam, name)
    codes = phone.codes()
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **codes)
    iam.deactivate_mfa_device(UserName=name, SerialNumber=serial)
    assert refusal(iam.enable_mfa_device, UserName=name, SerialNumber=serial, **codes) == WRONG


def test_who_and_what_is_not_there(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    iam.create_user(UserName=f"other-{name}")
    serial, phone = new_device(iam, name)
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    for call in (iam.enable_mfa_device, iam.resync_mfa_device):
        assert refusal(call, UserName="nobody", SerialNumber=serial, **codes) == NO_SUCH_USER
        for unknown in (mfa_arn("nonexistent-mfa"), "GAHT12345678", mfa_arn(name).replace(ACCOUNT, "111122223333")):
            assert refusal(call, UserName=name, SerialNumber=unknown, **codes) == missing(unknown)
    assert refusal(iam.deactivate_mfa_device, UserName="nobody", SerialNumber=serial) == NO_SUCH_USER
    assert refusal(iam.list_mfa_devices, UserName="nobody") == NO_SUCH_USER
    assert refusal(iam.deactivate_mfa_device, UserName=name, SerialNumber=serial) == missing(serial)
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **phone.codes())
    somebody = f"other-{name}"
    assert refusal(iam.deactivate_mfa_device, UserName=somebody, SerialNumber=serial) == missing(serial)
    assert refusal(iam.resync_mfa_device, UserName=somebody, SerialNumber=serial, **phone.codes()) == missing(serial)
    assert refusal(iam.enable_mfa_device, UserName=somebody, SerialNumber=serial, **phone.codes()) == (
        409,
        "EntityAlreadyExists",
        "MFA Device is already in use.",
    )


def test_a_device_is_resynchronised_by_two_codes_in_a_row(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    serial, phone = new_device(iam, name)
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **phone.codes())
    iam.resync_mfa_device(UserName=name, SerialNumber=serial, **phone.codes())
    codes = {"AuthenticationCode1": "000000", "AuthenticationCode2": phone.code()}
    assert refusal(iam.resync_mfa_device, UserName=name, SerialNumber=serial, **codes) == WRONG


def test_without_a_user_name_the_callers_own_devices_are_meant(iam: Any, iam_server: InProcess, name: str) -> None:
    user = client(iam_server, iam_server.user(name, allow("iam:*MFADevice*")))
    serial, phone = new_device(iam, name)
    user.enable_mfa_device(UserName=name, SerialNumber=serial, **phone.codes())
    assert [device["UserName"] for device in user.list_mfa_devices()["MFADevices"]] == [name]
    assert user.get_mfa_device(SerialNumber=serial)["UserName"] == name
    assert iam.list_mfa_devices()["MFADevices"] == []  # root's
    assert refusal(iam.deactivate_mfa_device, SerialNumber=serial) == missing(serial)
    user.deactivate_mfa_device(SerialNumber=serial)


def test_devices_are_paged(iam: Any, iam_server: InProcess, name: str) -> None:
    for number in range(3):
        new_device(iam, f"{name}-{number}", Path=f"/{name}/")
    pages = iam.get_paginator("list_virtual_mfa_devices").paginate(PaginationConfig={"PageSize": 2})
    serials = [device["SerialNumber"] for page in pages for device in page["VirtualMFADevices"]]
    assert serials == sorted(serials)
    assert {mfa_arn(f"{name}-{number}", f"/{name}/") for number in range(3)} <= {*serials}
    assert refusal(iam.list_virtual_mfa_devices, Marker="invalid-marker-value") == (
        400,
        "ValidationError",
        "Invalid Marker.",
    )


def test_the_longest_serial_numbers_are_paged_too(iam: Any, name: str) -> None:
    longest = 256 - len(mfa_arn(""))
    serials = [new_device(iam, f"{name}-{number}".ljust(longest, "x"))[0] for number in range(2)]
    assert {len(serial) for serial in serials} == {256}
    pages = iam.get_paginator("list_virtual_mfa_devices").paginate(PaginationConfig={"PageSize": 1})
    assert {*serials} <= {device["SerialNumber"] for page in pages for device in page["VirtualMFADevices"]}


def test_a_device_has_tags(iam: Any, name: str) -> None:
    tags = [{"Key": "Team", "Value": "red"}, {"Key": "cost", "Value": ""}]
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, Tags=tags)["VirtualMFADevice"]
    serial = made["SerialNumber"]
    assert made["Tags"] == tags
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == tags
    iam.tag_mfa_device(SerialNumber=serial, Tags=[{"Key": "team", "Value": "blue"}])
    iam.untag_mfa_device(SerialNumber=serial, TagKeys=["Cost"])
    assert iam.list_mfa_device_tags(SerialNumber=serial)["Tags"] == [{"Key": "team", "Value": "blue"}]
    unknown = mfa_arn("nonexistent-mfa")
    assert refusal(iam.list_mfa_device_tags, SerialNumber=unknown) == missing(unknown)
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert refusal(iam.tag_mfa_device, SerialNumber=serial, Tags=many) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for TagsPerMFADevice: 50",
    )


def test_quotas_of_devices(iam: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """IAM quotas. (The quota is lowered.)"""
    iam.create_user(UserName=name)
    for number in range(2):
        serial, phone = new_device(iam, f"{name}-{number}")
        if number == 1:
            monkeypatch.setattr(limits, "MFA_DEVICES_PER_USER", 1)
            over = refusal(iam.enable_mfa_device, UserName=name, SerialNumber=serial, **phone.codes())
            assert over == (409, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 1")
        else:
            iam.enable_mfa_device(UserName=name, SerialNumber=serial, **phone.codes())
    monkeypatch.setattr(limits, "MFA_DEVICES_PER_ACCOUNT", 1)
    assert refusal(iam.create_virtual_mfa_device, VirtualMFADeviceName=f"{name}-3") == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for VirtualMFADevicesPerAccount: 1",
    )


def test_a_device_opens_a_session_with_mfa(iam: Any, iam_server: InProcess, name: str) -> None:
    """From the seed to a decision: a policy that asks for MFA denies the key and allows the session."""
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    key = iam_server.user(name, allow("iam:GetUser", user_arn(name), Condition=condition))
    serial, phone = new_device(iam, name)
    codes, following = phone.codes(), phone.code(1)
    iam.enable_mfa_device(UserName=name, SerialNumber=serial, **codes)
    assert refusal(client(iam_server, key).get_user, UserName=name)[:2] == (403, "AccessDenied")
    answer = iam_server.call(key, "GetSessionToken", {"SerialNumber": serial, "TokenCode": following})
    assert answer.status == 200, answer.body
    assert client(iam_server, answer.key).get_user(UserName=name)["User"]["UserName"] == name
