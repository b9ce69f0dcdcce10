"""Multi-factor authentication: whether a call's serial number and code are those of the caller's own device.

Owns the check of a code and the bound on wrong ones. A code is accepted once: `Proof.accept` spends it, and only when
all else about the call is in order.

Source: IAM User Guide, "Multi-factor authentication", "Secure API access with MFA"; RFC 6238, 5.2 (a code is accepted
once); the texts are AWS's, as issue reports quote them, the trailing space included.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from daypass import limits, totp
from daypass.errors import access_denied
from daypass.service.caller import Caller
from daypass.service.ports import Directory, IdentityReader

_ONLY_ONE: Final = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
_NOT_YOURS: Final = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and "
    "associated with this user."
)
_WRONG: Final = "MultiFactorAuthentication failed with invalid MFA one time pass code. "


@dataclass(frozen=True, slots=True)
class Proof:
    """A code that was right and is not spent yet. counter: of its time step."""

    serial_number: str
    counter: int

    async def accept(self, directory: Directory) -> None:
        """Spend the code.

        Raises:
            ServiceError: AccessDenied; it was spent meanwhile, or its device is gone.
        """
        if not await directory.accept_mfa_counter(self.serial_number, self.counter):
            raise access_denied(_WRONG)


class WrongCodes:
    """How often each device's code was wrong of late, in this process. Beyond the bound no code is looked at, so that
    nobody who has a user's access key finds a code by trying all of them."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def too_many(self, serial_number: str, now: datetime) -> bool:
        since, count = self._since.get(serial_number, (0.0, 0))
        return count >= limits.MFA_WRONG_CODES and now.timestamp() - since < limits.MFA_WRONG_CODES_SECONDS

    def add(self, serial_number: str, now: datetime) -> None:
        since, count = self._since.get(serial_number, (0.0, 0))
        if now.timestamp() - since >= limits.MFA_WRONG_CODES_SECONDS:
            since, count = now.timestamp(), 0
        self._since[serial_number] = since, count + 1
        self._since.move_to_end(serial_number)
        if len(self._since) > limits.MFA_DEVICES_WATCHED:
            self._since.popitem(last=False)


def is_given(parameters: Mapping[str, Any]) -> bool:
    """Whether there is anything to check."""
    return "SerialNumber" in parameters or "TokenCode" in parameters


async def check(
    identities: IdentityReader, wrong_codes: WrongCodes, caller: Caller, parameters: Mapping[str, Any], now: datetime
) -> Proof:
    """The proof that SerialNumber and TokenCode give.

    Raises:
        ServiceError: AccessDenied; one without the other, a device that is not the caller's own, or a wrong code.
    """
    serial_number, code = parameters.get("SerialNumber"), parameters.get("TokenCode")
    if serial_number is None or code is None:
        raise access_denied(_ONLY_ONE)
    device = await identities.mfa_device(serial_number)
    # A role has no device: MFA is the user's who calls, or root's.
    owner = caller.account.account_id if caller.user is None else caller.user.user_id
    if device is None or caller.role is not None or device.owner_id != owner:
        raise access_denied(_NOT_YOURS)
    if wrong_codes.too_many(serial_number, now):
        raise access_denied(_WRONG)
    counter = totp.matching_counter(device.seed, code, now, limits.MFA_WINDOW_STEPS)
    if counter is None or counter <= device.last_counter:
        wrong_codes.add(serial_number, now)
        raise access_denied(_WRONG)
    return Proof(serial_number, counter)
