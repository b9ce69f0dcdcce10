"""Login profiles, virtual MFA devices, and when credentials were last used."""

from __future__ import annotations

from typing import Protocol


class Credentials(Protocol):
    """The part of the directory for passwords and MFA devices."""

    # --- codes of virtual MFA devices ---

    async def accept_mfa_counter(self, serial_number: str, counter: int) -> None:
        """Note that the code of this time step was accepted: none up to it is accepted again. counter: as in
        daypass.totp. Raises NotFound(MFA_DEVICE) if no device in use waits for it: one of two callers with the same
        code is refused."""
