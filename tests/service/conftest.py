"""What tests of whole calls share: a Daypass in this process, and boto3 as its root user."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from support.api import InProcess, in_process
from support.asynchronous import pytest_pyfunc_call  # noqa: F401  pytest finds the hook by its name
from support.boto3_in_process import client

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def iam_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """Shared by a module's tests: use names of your own in it (`name`)."""
    with in_process(tmp_path_factory.mktemp("iam") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def iam(iam_server: InProcess) -> Any:
    """An IAM client of the root user."""
    return client(iam_server, iam_server.root)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"name-{next(_numbers)}"
