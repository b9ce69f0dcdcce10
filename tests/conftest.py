"""What every test has: how deep to generate examples, an environment without AWS settings, and shared servers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

from daypass import names
from support.backends import Backend, moto_backend, swift_backend
from support.server import Daypass, running

__all__ = ["moto_backend", "swift_backend"]  # fixtures that every test can ask for

hypothesis.settings.register_profile("default", deadline=None, max_examples=100)
hypothesis.settings.register_profile("deep", deadline=None, max_examples=5_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="many more generated examples, and the tests marked deep")
    parser.addoption("--compiled", action="store_true", help="refuse to test anything but the compiled form")
    parser.addoption("--clients", action="store_true", help="also the tests marked clients: SDKs from their registries")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deep: too slow for every run; `make test-deep` runs it")
    config.addinivalue_line(
        "markers", "clients(name): a real client that is fetched from its registry; `make test-clients` runs it"
    )
    if config.getoption("--compiled") and names.__file__.endswith(".py"):
        raise pytest.UsageError(f"{names.__file__} is not compiled: `make test-compiled` puts what is before it")
    hypothesis.settings.load_profile("deep" if config.getoption("--deep") else "default")
    # A developer's own profile, keys or proxy must not reach a test.
    for name in [*os.environ]:
        if name.startswith(("AWS_", "DAYPASS_")) or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [name for name in ("deep", "clients") if not config.getoption(f"--{name}")]
    for item in items:
        marker = item.get_closest_marker("clients")
        if marker is not None:
            item.user_properties.append(("client", marker.args[0] if marker.args else item.path.stem))
    kept = [item for item in items if all(item.get_closest_marker(name) is None for name in left_out)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With --clients: which real clients were run, and which were not, each by name."""
    found: dict[str, set[str]] = {"failed": set(), "passed": set(), "skipped": set()}
    for category, named in (("failed", "failed"), ("error", "failed"), ("passed", "passed"), ("skipped", "skipped")):
        for report in terminalreporter.stats.get(category, []):
            found[named] |= {str(value) for name, value in getattr(report, "user_properties", ()) if name == "client"}
    if any(found.values()):
        told = {"run": found["passed"] - found["failed"], "FAILED": found["failed"], "not run": found["skipped"]}
        parts = [f"{how}: {', '.join(sorted(names))}" for how, names in told.items() if names]
        terminalreporter.write_line(f"real clients {'; '.join(parts)}")


@pytest.fixture(scope="session")
def daypass_before_moto(tmp_path_factory: pytest.TempPathFactory, moto_backend: Backend) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("daypass") / "data", backend=moto_backend) as server:
        yield server


@pytest.fixture(scope="session")
def daypass_before_swift(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[Daypass]:
    with running(tmp_path_factory.mktemp("daypass-swift") / "data", backend=swift_backend) as server:
        yield server


@pytest.fixture(scope="session")
def daypass(daypass_before_moto: Daypass) -> Daypass:
    """One Daypass with an S3 backend, shared by every end-to-end test of a run: use names of your own in it."""
    return daypass_before_moto


# Swift lists an object some time after it has it, and late where others keep the machine busy: `make test-deep`, with
# ARGS=--clients for the clients that are fetched from their registries.
@pytest.fixture(scope="module", params=["moto", pytest.param("swift", marks=pytest.mark.deep)])
def daypass_before_each(request: pytest.FixtureRequest) -> Daypass:
    """Before each quick backend in turn: what a module's own `daypass` returns if its clients are to pass on both."""
    server: Daypass = request.getfixturevalue(f"daypass_before_{request.param}")
    return server
