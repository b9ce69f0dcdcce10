"""Bytes that no HTTP client sends, at the front door of a running server.

A server that disagrees with a proxy before it, or with the backend behind it, about where a request ends lets one
client's bytes become another's request. Refused means: answered 400 or cut off, and never understood as a request.

Source: RFC 9112, "Message body length", "Request smuggling", "Obsolete line folding"; RFC 9110, "Host and :authority".
"""

from __future__ import annotations

import socket

import pytest

from support.server import Daypass

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
HEALTH = b"GET /_daypass/health HTTP/1.1\r\nHost: h\r\n"


def answers(server: Daypass, sent: bytes) -> list[bytes]:
    """The status lines that come back until the server closes or has no more to say."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connected:
        connected.sendall(sent)
        received = b""
        while part := connected.recv(65_536):
            received += part
    return [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


REFUSED = [
    (
        "a length and chunks together",
        b"POST / HTTP/1.1\r\nHost: h\r\n" + FORM + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + BODY,
    ),
    (
        "two different lengths",
        b"POST / HTTP/1.1\r\nHost: h\r\n" + FORM + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    ),
    ("a space before the colon of a length", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc"),
    ("a length that is no number", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc"),
    ("a length below zero", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ("lines that end in a bare line feed", HEALTH.replace(b"\r\n", b"\n") + b"\n"),
    ("a header folded over two lines", HEALTH + b"X-Folded: one\r\n two\r\n\r\n"),
    ("two Hosts", b"GET /some-bucket/key HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("no Host", b"GET /some-bucket/key HTTP/1.1\r\n\r\n"),
    ("a chunk size that is no number", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nz\r\nabc\r\n"),
    ("an encoding that is not chunked last", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, x\r\n\r\n"),
    ("a control character in a header", HEALTH + b"X-Control: a\x00b\r\n\r\n"),
    ("no HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
]


@pytest.mark.parametrize("sent", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_two_readers_could_read_two_ways_is_refused(sent: bytes, daypass: Daypass) -> None:
    # The bytes are followed by a good request: it must not be answered as if it stood on a connection of its own.
    found = answers(daypass, sent + HEALTH + b"Connection: close\r\n\r\n")
    assert all(line.startswith(b"HTTP/1.1 400 ") for line in found), found
    assert len(found) <= 1


def test_the_server_still_answers_after_all_of_it(daypass: Daypass) -> None:
    for _, sent in REFUSED:
        answers(daypass, sent + HEALTH + b"Connection: close\r\n\r\n")
    assert daypass.client("sts", daypass.root).get_caller_identity()["Account"] == daypass.account_id
