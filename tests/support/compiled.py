"""What can only be tested of the source."""

from __future__ import annotations

from typing import Final

import pytest

from daypass import names

# For tests that lower a bound: compiling puts the value of a constant where it is used.
interpreted_only: Final = pytest.mark.skipif(
    not names.__file__.endswith(".py"), reason="a compiled module has the limits in it"
)
