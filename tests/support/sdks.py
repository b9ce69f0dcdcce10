"""AWS SDKs of other languages, unmodified, from their registries: fetched and built once, then run against a server.

Each has a folder under tests/clients with one small program and its pinned dependencies. What is fetched and built goes
to .clients/ in the tree, which git ignores; a stamp of the sources' contents makes the second run quick. A toolchain
that the machine lacks, or a registry that does not answer, is a skip with the reason, never a pass.

Owns preparing and running. What the program is asked to do, and what must come of it, is the test's.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.server import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "tests" / "clients"
CACHE = ROOT / ".clients"
PREPARE_SECONDS = 900  # to fetch and to build, on a slow network and two busy cores
RUN_SECONDS = 180

MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# A JVM that lives for two seconds need not optimise.
QUICK_JVM = "-XX:TieredStopAtLevel=1"


@dataclass(frozen=True)
class Sdk:
    """One SDK. Functions take the folder of its sources, and that of what is fetched and built.

    tools: the programs it needs. fetch: gets its dependencies, which needs the network. build: makes the program.
    command: runs the round, once that is done.
    lacks: fields of answers that this SDK does not know, because it was made before they were.
    """

    name: str
    tools: tuple[str, ...]
    fetch: Callable[[Path, Path], None]
    build: Callable[[Path, Path], None]
    command: Callable[[Path, Path], Sequence[str]]
    lacks: frozenset[str] = frozenset()

    @property
    def source(self) -> Path:
        return SOURCES / self.name

    def prepared(self) -> Path:
        """The folder of what was fetched and built; one test process at a time makes it.

        Raises:
            RuntimeError: it could not be built; carries what was said.
            Skipped: the machine has no such toolchain, or the registry does not give what is needed.
        """
        missing = [tool for tool in self.tools if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not run: no {', '.join(missing)} on this machine")
        target = CACHE / self.name
        target.mkdir(parents=True, exist_ok=True)
        stamp, contents = target / ".stamp", _digest(self.source)
        with (target / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stamp.exists() or stamp.read_text() != contents:
                try:
                    self.fetch(self.source, target)
                except (RuntimeError, subprocess.TimeoutExpired) as failed:
                    pytest.skip(f"not run: its registry did not give what it needs: {failed}")
                self.build(self.source, target)
                stamp.write_text(contents)
        return target

    def run(self, environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """One round: each check's line, by its name.

        Raises:
            RuntimeError: the program did not end well; carries what it said.
        """
        target = self.prepared()
        said = execute(self.command(self.source, target), environment, RUN_SECONDS)
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        return {line["check"]: line for line in lines}


def execute(command: Sequence[str], environment: Mapping[str, str], seconds: float, cwd: Path | None = None) -> str:
    """What a program printed.

    Raises:
        RuntimeError: it failed, or took too long.
    """
    done = subprocess.run(
        command,
        env=clean_environment(**environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout[-3000:] + done.stderr[-3000:]).decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return done.stdout.decode()


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(each for each in source.rglob("*") if each.is_file() and "__pycache__" not in each.parts):
        digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


# --- how each is prepared and run --------------------------------------------------------------------------------


def _maven(source: Path, target: Path) -> None:
    shutil.rmtree(target / "jars", ignore_errors=True)
    repository = f"-Dmaven.repo.local={CACHE / 'maven'}"
    command = ["mvn", "-B", "-q", "-ntp", repository, "-f", str(source / "pom.xml"), MAVEN_PLUGIN]
    execute([*command, f"-DoutputDirectory={target / 'jars'}"], {"MAVEN_OPTS": QUICK_JVM}, PREPARE_SECONDS)


def _java(source: Path, target: Path) -> Sequence[str]:
    # Run from its source: nothing is left behind that could be of an older one.
    options = [QUICK_JVM, "-Dfile.encoding=UTF-8", "-cp", f"{target / 'jars'}/*"]
    return ["java", *options, str(source / "Round.java")]


_GO = {"GOMODCACHE": str(CACHE / "gomod"), "GOCACHE": str(CACHE / "gobuild"), "GOFLAGS": "-modcacherw"}


def _go_fetch(source: Path, target: Path) -> None:
    execute(["go", "mod", "download"], _GO, PREPARE_SECONDS, cwd=source)


def _go_build(source: Path, target: Path) -> None:
    execute(["go", "build", "-o", str(target / "round"), "."], _GO, PREPARE_SECONDS, cwd=source)


def _cargo(target: Path) -> dict[str, str]:
    return {"CARGO_HOME": str(CACHE / "cargo"), "CARGO_TARGET_DIR": str(target / "built")}


def _cargo_fetch(source: Path, target: Path) -> None:
    execute(["cargo", "fetch", "--locked"], _cargo(target), PREPARE_SECONDS, cwd=source)


def _cargo_build(source: Path, target: Path) -> None:
    execute(["cargo", "build", "--locked", "--offline", "--jobs", "2"], _cargo(target), PREPARE_SECONDS, cwd=source)


def _npm(source: Path, target: Path) -> None:
    for path in source.iterdir():
        shutil.copy(path, target)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--cache", str(CACHE / "npm")]
    execute(command, {}, PREPARE_SECONDS, cwd=target)


def _virtual_environment(source: Path, target: Path) -> None:
    """Of its own: aiobotocore needs an older botocore than the one whose models are served."""
    shutil.rmtree(target / "venv", ignore_errors=True)
    execute([sys.executable, "-m", "venv", str(target / "venv")], {}, PREPARE_SECONDS)
    pip = [str(target / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    execute([*pip, "-r", str(source / "requirements.txt")], {}, PREPARE_SECONDS)


def _ansible(source: Path, target: Path) -> None:
    """Ansible, and of the hundred collections in its package the two that speak to AWS."""
    _virtual_environment(source, target)
    python = str(target / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    execute([*pip, "-d", str(target), "-r", str(source / "collections.txt")], {}, PREPARE_SECONDS)
    shutil.rmtree(target / "ansible_collections", ignore_errors=True)
    (wheel,) = target.glob("ansible-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        wanted = ("ansible_collections/amazon/aws/", "ansible_collections/community/aws/")
        archive.extractall(target, [name for name in archive.namelist() if name.startswith(wanted)])
    wheel.unlink()


def _nothing(source: Path, target: Path) -> None:
    """Nothing is to be fetched (boto3 is in the development set), or to be built."""


BOTO3 = Sdk("boto3", (), _nothing, _nothing, lambda source, target: [sys.executable, str(source / "round.py")])
AIOBOTOCORE = Sdk(
    "aiobotocore",
    (),
    _virtual_environment,
    _nothing,
    lambda source, target: [str(target / "venv" / "bin" / "python"), str(source / "round.py")],
)
# Its last release is of before September 2026.
JAVA_1_LACKS = frozenset({"sessionTokenSize", "sessionTokenUtilization"})
JAVA_1 = Sdk("java1", ("java", "mvn"), _maven, _nothing, _java, JAVA_1_LACKS)
JAVA_2 = Sdk("java2", ("java", "mvn"), _maven, _nothing, _java)
GO = Sdk("go", ("go",), _go_fetch, _go_build, lambda source, target: [str(target / "round")])
JAVASCRIPT = Sdk(
    "javascript", ("node", "npm"), _npm, _nothing, lambda source, target: ["node", str(target / "round.mjs")]
)
RUST = Sdk(
    "rust",
    ("cargo", "cc"),
    _cargo_fetch,
    _cargo_build,
    lambda source, target: [str(target / "built" / "debug" / "daypass-client-round")],
)

ANSIBLE = Sdk(
    "ansible",
    (),
    _ansible,
    _nothing,
    lambda source, target: [str(target / "venv" / "bin" / "ansible-playbook"), str(source / "playbook.yml")],
)

# Those that do the round of tests/clients/test_sdks.py.
FROM_REGISTRIES = (AIOBOTOCORE, JAVA_1, JAVA_2, GO, JAVASCRIPT, RUST)
