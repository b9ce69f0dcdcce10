"""store.audit: whole lines, in the file of that name, or an error."""

from __future__ import annotations

import gc
import json
import os
import stat
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from daypass import limits
from daypass.service.ports import AuditRecord
from daypass.store.audit import FileAuditLog
from support.stores import NOW

RECORD = AuditRecord(
    time=NOW,
    request_id="e2de7fd1-2a86-4837-b15a-96fff1388061",
    caller_arn="arn:aws:iam::123456789012:user/alice",
    caller_type="user",
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    action="sts:GetFederationToken",
    resource="arn:aws:sts::123456789012:federated-user/Bob",
    decision="Allowed",
    decided_by="identity-based policy",
    statements=("identity-based policy/issue/0",),
    error=None,
    source_ip="192.0.2.1",
    session_access_key_id="ASIAIOSFODNN7EXAMPLE",
)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_record_is_one_line_of_json(tmp_path: Path) -> None:
    """The format, for whoever reads it with other tools."""
    FileAuditLog(tmp_path / "audit.jsonl").write(RECORD)
    assert (tmp_path / "audit.jsonl").read_text() == (
        '{"time":"2026-11-22T10:30:15Z","request_id":"e2de7fd1-2a86-4837-b15a-96fff1388061",'
        '"caller_arn":"arn:aws:iam::123456789012:user/alice","caller_type":"user",'
        '"access_key_id":"AKIAIOSFODNN7EXAMPLE","action":"sts:GetFederationToken",'
        '"resource":"arn:aws:sts::123456789012:federated-user/Bob","decision":"Allowed",'
        '"decided_by":"identity-based policy","statements":["identity-based policy/issue/0"],'
        '"error":null,"source_ip":"192.0.2.1","session_access_key_id":"ASIAIOSFODNN7EXAMPLE"}\n'
    )


def test_several_records_are_several_lines_of_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = FileAuditLog(tmp_path / "audit.jsonl")
    written: list[bytes] = []
    whole_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        written.append(data)
        return whole_write(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    log.write_all([replace(RECORD, request_id=f"request-{number}") for number in range(5)])
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == [f"request-{number}" for number in range(5)]
    assert len(written) == 1


def test_records_leave_nothing_behind_in_memory(tmp_path: Path) -> None:
    log = FileAuditLog(tmp_path / "audit.jsonl")

    def iterators() -> int:
        return sum(type(one).__name__.endswith("_iterator") for one in gc.get_objects())

    before = iterators()
    for _ in range(100):
        log.write(RECORD)
        log.write_all((RECORD, RECORD))
    log.close()
    assert iterators() - before < 50


def test_no_records_write_nothing(tmp_path: Path) -> None:
    FileAuditLog(tmp_path / "audit.jsonl").write_all([])
    assert (tmp_path / "audit.jsonl").read_bytes() == b""


def test_several_records_cut_short_are_an_error_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    log = FileAuditLog(path)
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole_write(descriptor, data[:-10]))
    with pytest.raises(OSError, match="of an audit record were written"):
        log.write_all([RECORD, RECORD])
    monkeypatch.undo()
    log.write(RECORD)
    whole, torn, after = path.read_text().splitlines()
    assert json.loads(whole) == json.loads(after)
    assert whole.startswith(torn)


def test_a_line_break_in_what_a_caller_sent_does_not_make_a_second_record(tmp_path: Path) -> None:
    forged = replace(RECORD, resource='x\n{"decision":"Allowed"}', action="s3:\u2028Get\r\n")
    FileAuditLog(tmp_path / "audit.jsonl").write(forged)
    lines = (tmp_path / "audit.jsonl").read_bytes().split(b"\n")
    assert lines[1:] == [b""]
    assert json.loads(lines[0])["resource"] == forged.resource


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    FileAuditLog(tmp_path / "audit.jsonl")
    assert stat.S_IMODE((tmp_path / "audit.jsonl").stat().st_mode) == 0o600


def test_records_are_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for request_id in ("one", "two"):
        FileAuditLog(path).write(replace(RECORD, request_id=request_id))
    assert [json.loads(line)["request_id"] for line in path.read_text().splitlines()] == ["one", "two"]


def test_lines_of_several_writers_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"

    def write(writer: int) -> None:
        log = FileAuditLog(path)
        for number in range(200):
            log.write(replace(RECORD, request_id=f"{writer}-{number}", resource="x" * 5000))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    written = [json.loads(line)["request_id"] for line in path.read_text().splitlines()]
    assert sorted(written) == sorted(f"{writer}-{number}" for writer in range(4) for number in range(200))


@pytest.mark.parametrize("gone", ["renamed", "removed"])
def test_after_a_rotation_records_go_to_a_new_file_of_the_old_name(tmp_path: Path, gone: str) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    log = FileAuditLog(path, clock)
    log.write(RECORD)
    old = path.rename(tmp_path / "audit.jsonl.1")
    if gone == "removed":
        old.unlink()
    log.write(replace(RECORD, request_id="not looked yet"))
    clock.seconds += limits.AUDIT_ROTATION_SECONDS
    log.write(replace(RECORD, request_id="after"))
    assert [json.loads(line)["request_id"] for line in path.read_text().splitlines()] == ["after"]
    if gone == "renamed":
        assert len(old.read_text().splitlines()) == 2


def test_a_file_that_was_put_in_its_place_is_written_to(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    log = FileAuditLog(path, clock)
    path.unlink()
    path.touch(0o600)
    clock.seconds += limits.AUDIT_ROTATION_SECONDS
    log.write(RECORD)
    assert len(path.read_text().splitlines()) == 1


def test_a_full_device_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        FileAuditLog(path).write(RECORD)


def test_a_short_write_is_an_error_and_the_next_record_begins_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file size limit gives what a nearly full disk gives: the part that fits, then nothing."""
    path = tmp_path / "audit.jsonl"
    log = FileAuditLog(path)
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole_write(descriptor, data[:10]))
    with pytest.raises(OSError, match=r"10 of \d+ bytes of an audit record"):
        log.write(RECORD)
    monkeypatch.undo()
    log.write(RECORD)
    torn, whole = path.read_text().splitlines()
    assert torn == '{"time":"2'
    assert json.loads(whole)["request_id"] == RECORD.request_id


def test_a_directory_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileAuditLog(tmp_path / "none" / "audit.jsonl")


def test_a_closed_log_does_not_write(tmp_path: Path) -> None:
    log = FileAuditLog(tmp_path / "audit.jsonl")
    log.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        log.write(RECORD)
