"""Every engine of the store, for the tests that all of them must pass. There is no way to opt out."""

from pathlib import Path

import pytest

from support.asynchronous import pytest_pyfunc_call  # noqa: F401  pytest finds the hook by its name
from support.stores import ENGINES, Engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return ENGINES[request.param](tmp_path)
