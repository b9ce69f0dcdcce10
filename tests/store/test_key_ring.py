"""store.key_ring: the file, and which files are refused."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from daypass.store import key_ring
from daypass.store.entropy import SystemEntropy
from daypass.store.errors import StoreError

KEY_1, KEY_2 = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_created_ring_is_its_owners_alone_and_loads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    created = key_ring.create(path, SystemEntropy())
    loaded = key_ring.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert loaded.current == created.current == 1
    assert loaded.derive(1, b"p", b"s") == created.derive(1, b"p", b"s")


def test_creating_never_writes_over_a_ring(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key_ring.create(path, SystemEntropy())
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        key_ring.create(path, SystemEntropy())
    assert path.read_bytes() == before


def test_a_rotated_ring_has_every_key_and_names_the_current_one(tmp_path: Path) -> None:
    path = written(tmp_path / "keys.json", json.dumps({"current": 2, "keys": {"1": KEY_1, "2": KEY_2}}))
    ring = key_ring.load(path)
    assert (ring.current, 1 in ring, 2 in ring, 3 in ring) == (2, True, True, False)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o700, 0o400])
def test_a_file_of_another_mode_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "keys.json", json.dumps({"current": 1, "keys": {"1": KEY_1}}), mode)
    with pytest.raises(StoreError, match=f"mode {mode:04o}.*run: chmod 600 {path}"):
        key_ring.load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"keys\.json is missing"):
        key_ring.load(tmp_path / "keys.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "not JSON",
        json.dumps({"current": 2, "keys": {"1": KEY_1}}),
        json.dumps({"current": 1, "keys": {"1": KEY_1[:-4]}}),
        json.dumps({"current": 1, "keys": {"1": "SECRET-MATERIAL!"}}),
        json.dumps({"current": 1, "keys": {"SECRET-MATERIAL!": KEY_1}}),
        json.dumps({"current": 0, "keys": {"0": KEY_1}}),
        json.dumps({"current": 1, "keys": {"1": KEY_1}, "SECRET-MATERIAL!": 1}),
        json.dumps({"current": "SECRET-MATERIAL!", "keys": {"1": KEY_1}}),
    ],
)
def test_what_is_not_a_ring_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "keys.json", text)
    with pytest.raises(StoreError) as refused:
        key_ring.load(path)
    assert str(refused.value) == f"{path} is not a key ring"
    assert refused.value.__cause__ is None
