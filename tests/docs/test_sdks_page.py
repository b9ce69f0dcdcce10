"""docs/sdks.md names the versions that the tests run."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"
PAGE = (ROOT / "docs" / "sdks.md").read_text()


def version_in(name: str) -> str:
    """What the page says the SDK was tested with."""
    found = re.search(rf"^\| {re.escape(name)} \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert found is not None, name
    return found[1]


def pinned(path: str, pattern: str) -> str:
    found = re.search(pattern, (CLIENTS / path).read_text())
    assert found is not None, path
    return found[1]


PINS = [
    ("aiobotocore", "aiobotocore/requirements.txt", r"(?m)^aiobotocore==(.+)$"),
    ("AWS SDK for Java 1.x", "java1/pom.xml", r"<artifactId>aws-java-sdk-sts</artifactId>\s*<version>(.+)</version>"),
    ("AWS SDK for Java 2.x", "java2/pom.xml", r"<artifactId>sts</artifactId>\s*<version>(.+)</version>"),
    ("AWS SDK for Go v2", "go/go.mod", r"(?m)^\s*github.com/aws/aws-sdk-go-v2 v(\S+)$"),
    ("AWS SDK for Rust", "rust/Cargo.toml", r'(?m)^aws-sdk-sts = { version = "=(\S+)"'),
    ("rclone", "rclone/go.mod", r"(?m)^require github.com/rclone/rclone v(\S+)$"),
]


@pytest.mark.parametrize(("name", "path", "pattern"), PINS, ids=[row[0] for row in PINS])
def test_a_version_on_the_page_is_the_one_that_is_run(name: str, path: str, pattern: str) -> None:
    assert version_in(name) == pinned(path, pattern)


def test_the_versions_of_the_others_are_the_ones_that_are_run() -> None:
    package = json.loads((CLIENTS / "javascript" / "package.json").read_text())
    clients = {name: version for name, version in package["dependencies"].items() if "/client-" in name}
    assert {*clients.values()} == {version_in("AWS SDK for JavaScript v3")}
    ansible = pinned("ansible/collections.txt", r"ansible==(\S+)")
    core = pinned("ansible/requirements.txt", r"ansible-core==(\S+)")
    assert version_in("Ansible, `amazon.aws`") == f"{ansible} (ansible-core {core})"
    development = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    assert f"boto3>={version_in('boto3').removesuffix(' and later')}" in development
