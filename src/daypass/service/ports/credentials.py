"""Login profiles, virtual MFA devices, and when credentials were last used."""

from __future__ import annotations

from typing import Protocol


class Credentials(Protocol):
    """The part of the directory for passwords and MFA devices."""

    # --- codes of virtual MFA devices ---

    async def accept_mfa_counter(self, serial_number: str, counter: int) -> bool:
        """Note that the code of a time step was accepted. False, and it is not, if one of that step or a later one
        was accepted before: of several callers with one code at once, one is told True."""
