"""Login profiles, virtual MFA devices, and when credentials were last used."""

from __future__ import annotations

from typing import Protocol


class Credentials(Protocol):
    """The part of the directory for passwords and MFA devices."""
