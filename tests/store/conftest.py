"""What the store's own tests share."""

from pathlib import Path

import pytest

from support.asynchronous import pytest_pyfunc_call  # noqa: F401  pytest finds the hook by its name
from support.stores import SqliteEngine


@pytest.fixture
def engine(tmp_path: Path) -> SqliteEngine:
    return SqliteEngine(tmp_path)
