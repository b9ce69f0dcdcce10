"""What tests of fetching share."""

from support.asynchronous import pytest_pyfunc_call  # noqa: F401  pytest finds the hook by its name
