"""OpenID Connect and SAML identity providers, as the directory keeps them."""

from __future__ import annotations

from typing import Protocol


class Providers(Protocol):
    """The part of the directory for identity providers."""
