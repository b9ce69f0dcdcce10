"""Form and Call: a request of the Query protocol before and after its operation's model was read, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from daypass.wire.model import Operation


class Form(msgspec.Struct, frozen=True):
    """A decoded form, nothing in it believed yet.

    action: as sent; it may be empty, or of no service.
    version: None if there is none.
    parameters: name → its first value, Action and Version among them.
    """

    action: str
    version: str | None
    parameters: Mapping[str, str]

    def __repr__(self) -> str:
        """The parameters stay out: a token or an assertion may be among them."""
        return f"Form({self.action!r}, {self.version!r})"


class Call(msgspec.Struct, frozen=True):
    """One operation with its parameters: nested dict, list, str, int and bool under the model's member names."""

    operation: Operation
    parameters: Mapping[str, Any]

    def __repr__(self) -> str:
        """The parameters stay out: a token or an assertion may be among them."""
        return f"Call({self.operation.name})"
