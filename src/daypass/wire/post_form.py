"""Browser uploads: a multipart/form-data body → its fields, and then the file, piece by piece. Pure.

A push parser: what precedes the file is gathered within a bound, the file is never gathered. Fields after the file are
passed over, as S3 does: a form's button is one.

Source: S3 API Reference, "POST Object" and "HTML form fields"; RFC 7578 and RFC 2046, 5.1.1 for the boundaries.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from daypass import limits
from daypass.errors import ServiceError
from daypass.wire.s3_errors import s3_error

_CONTENT_TYPE: Final = re.compile(
    r"multipart/form-data\s*;(?:.*;)?\s*boundary=(?:\"([^\"\r\n]{1,70})\"|([^\";,\s]{1,70}))\s*(?:;.*)?", re.IGNORECASE
)
_DISPOSITION: Final = re.compile(rb"form-data((?:;[ \t]*[a-z]+\*?=(?:\"[^\"\r\n]*\"|[^;\"\s]+))+)", re.IGNORECASE)
_PARAMETER: Final = re.compile(rb";[ \t]*([a-z]+\*?)=(?:\"([^\"\r\n]*)\"|([^;\"\s]+))", re.IGNORECASE)


def read_boundary(content_type: str) -> bytes | None:
    """The boundary of a form's parts; None if the body is no form."""
    parts = _CONTENT_TYPE.fullmatch(content_type.strip())
    if parts is None:
        return None
    return (parts[1] or parts[2]).encode("latin-1")


class FormBody:
    """One form as it is received.

    fields: those before the file, by lower-case name. file_name: as sent; empty if none was.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first boundary may come without a line end before it.
        self._buffer = b"\r\n"
        self._received = 0
        self._in_file = False
        self._file_ended = False
        self._closed = False
        self._part_begun = False
        self._file_length: int | None = None
        self._file_bytes = 0
        self.fields: dict[str, str] = {}
        self.file_name = ""

    @property
    def has_reached_the_file(self) -> bool:
        return self._in_file or self._file_ended

    def expect(self, file_length: int) -> None:
        """From here on a file of another length is an error."""
        self._file_length = file_length

    def usual_file_length(self, content_length: int) -> int:
        """Of what is still to come of the file, if nothing comes after it but the boundary that closes the form. Asked
        when the file is reached, with the length of the whole body."""
        if self._file_ended:
            return 0
        before = self._received - len(self._buffer)
        return content_length - before - len(self._delimiter) - len(b"--\r\n")

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the file that these bytes hold.

        Raises:
            ServiceError: MalformedPOSTRequest, MaxPostPreDataLengthExceeded, IncompleteBody.
        """
        self._received += len(data)
        self._buffer += data
        if not self.has_reached_the_file:
            self._read_fields()
        return self._read_file() if self._in_file else self._pass_over()

    def finish(self) -> Mapping[str, str]:
        """Raises ServiceError unless the form was closed. A form has no trailers."""
        if not self._closed:
            raise _malformed()
        if self._file_length is not None and self._file_bytes != self._file_length:
            raise _not_last()
        return {}

    def _read_fields(self) -> None:
        while not self._in_file:
            if not self._part_begun:
                if not self._skip_delimiter():
                    return
                self._part_begun = True
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._bound()
                return
            name, file_name = _read_head(head)
            if name == "file":
                self.file_name = file_name
                self._in_file, self._buffer = True, rest
                if self._received - len(rest) > limits.FORM_FIELDS_BYTES:
                    raise s3_error("MaxPostPreDataLengthExceeded")
                return
            value, delimiter, _ = rest.partition(self._delimiter)
            if not delimiter:
                self._bound()
                return
            if name in self.fields:
                raise s3_error("InvalidArgument", "a form field is given twice", ArgumentName=name)
            self.fields[name] = _text(value)
            self._buffer = rest[len(value) :]
            self._part_begun = False

    def _skip_delimiter(self) -> bool:
        """Past a boundary and its line end; False if it has not come whole yet."""
        size = len(self._delimiter) + 2
        if len(self._buffer) < size:
            self._bound()
            return False
        if not self._buffer.startswith(self._delimiter) or self._buffer[size - 2 : size] != b"\r\n":
            if self._buffer[: size - 2] == self._delimiter and self._buffer[size - 2 : size] == b"--":
                raise s3_error("InvalidArgument", "POST requires exactly one file upload per request.")
            raise _malformed()
        # The line end stays: headers begin after one, and a part without any is two line ends.
        self._buffer = self._buffer[size - 2 :]
        return True

    def _bound(self) -> None:
        if self._received > limits.FORM_FIELDS_BYTES:
            raise s3_error("MaxPostPreDataLengthExceeded")

    def _read_file(self) -> list[bytes]:
        place = self._buffer.find(self._delimiter)
        if place >= 0:
            piece, self._buffer = self._buffer[:place], self._buffer[place + len(self._delimiter) :]
            self._in_file, self._file_ended = False, True
            return self._piece(piece) + self._pass_over()
        # The end of what is here may be the beginning of a boundary.
        kept = len(self._delimiter) - 1
        piece, self._buffer = self._buffer[:-kept], self._buffer[-kept:]
        return self._piece(piece)

    def _piece(self, piece: bytes) -> list[bytes]:
        self._file_bytes += len(piece)
        if self._file_length is not None and self._file_bytes > self._file_length:
            raise _not_last()
        return [piece] if piece else []

    def _pass_over(self) -> list[bytes]:
        """What follows the file: the end of the form, or more fields and then its end."""
        if self._file_ended:
            if len(self._buffer) > limits.FORM_FIELDS_BYTES:
                raise _malformed()
            self._closed = self._buffer.startswith(b"--") or self._delimiter + b"--" in self._buffer
        return []


def _read_head(head: bytes) -> tuple[str, str]:
    """Name, in lower case, and file name of a part."""
    disposition = b""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            if disposition:
                raise _malformed()
            disposition = value.strip()
    if _DISPOSITION.fullmatch(disposition) is None:
        raise _malformed()
    parameters: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(disposition):
        key = match[1].lower()
        if key in parameters:
            raise _malformed()
        parameters[key] = match[2] if match[2] is not None else match[3]
    if b"name" not in parameters:
        raise _malformed()
    return _text(parameters[b"name"]).lower(), _text(parameters.get(b"filename", b""))


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed() from None


def _malformed() -> ServiceError:
    return s3_error("MalformedPOSTRequest")


def _not_last() -> ServiceError:
    return s3_error("InvalidRequest", "the file must be the last field of a form that is as large as this one")
