"""The audit log as a file of JSON lines, one record a line, appended by every worker.

Records are appended whole, one or several in one write(2) on a descriptor opened with O_APPEND, so lines of several
processes do not mix. Rotate it by renaming: the next record after limits.AUDIT_ROTATION_SECONDS goes to a new file of
the old name.

Source: POSIX.1-2017, write(): with O_APPEND no other write comes between the move to the end and the writing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from daypass import limits
from daypass.service.ports import AuditRecord

_encode_lines = msgspec.json.Encoder().encode_lines


class FileAuditLog:
    """The AuditLog port over one file. Records are written whole, or it raises and nobody may act on them."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Opens the file; makes it (mode 0600) if it is not there.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._path = path
        self._monotonic = monotonic
        self._torn = False
        self._open()

    def write(self, record: AuditRecord) -> None:
        """As write_all."""
        self.write_all([record])

    def write_all(self, records: Sequence[AuditRecord]) -> None:
        """Append the records, in one write.

        Raises:
            OSError: they are not in the file, or not whole.
        """
        if not records:
            return
        if self._monotonic() >= self._look_again:
            self._follow_rotation()
        # Of all else but a list msgspec (0.22) never lets go of the iterator.
        lines = _encode_lines(records if isinstance(records, list) else list(records))
        if self._torn:
            lines = b"\n" + lines  # what a full disk cut short stays a line of its own
        written = os.write(self._descriptor, lines)
        self._torn = written != len(lines)
        if self._torn:
            raise OSError(f"{self._path}: {written} of {len(lines)} bytes of an audit record were written")

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        opened = os.fstat(self._descriptor)
        self._identity = (opened.st_dev, opened.st_ino)
        self._look_again = self._monotonic() + limits.AUDIT_ROTATION_SECONDS

    def _follow_rotation(self) -> None:
        """Open the file of that name again if it is another one now, or none."""
        self._look_again = self._monotonic() + limits.AUDIT_ROTATION_SECONDS
        try:
            present = os.stat(self._path)
        except FileNotFoundError:
            present = None
        if present is None or (present.st_dev, present.st_ino) != self._identity:
            old = self._descriptor
            self._open()
            self._torn = False
            os.close(old)
