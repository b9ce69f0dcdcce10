from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from daypass import limits
from support.s3_in_process import BUCKET, S3InProcess, s3_in_process

DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>\n"
COMPLETED = b"<CompleteMultipartUploadResult><Location>http://backend/b/k</Location></CompleteMultipartUploadResult>"
FAILED = b"<Error><Code>InvalidPart</Code><Message>m</Message></Error>"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3InProcess]:
    with s3_in_process(tmp_path_factory.mktemp("slow") / "data") as gateway:
        yield gateway


@pytest.fixture
def gateway(running: S3InProcess, monkeypatch: pytest.MonkeyPatch) -> S3InProcess:
    running.backend.reset()
    monkeypatch.setattr(limits, "SLOW_DOCUMENT_SECONDS", 0.05)
    return running


def takes(gateway: S3InProcess, seconds: float, document: bytes) -> None:
    """The backend says 200 at once, and gives the document later."""
    head = b"HTTP/1.1 200 OK\r\nx-amz-version-id: v1\r\nContent-Length: %d\r\n\r\n" % (len(DECLARATION + document) + 1)
    gateway.backend.answer = lambda _: head + DECLARATION + b" "
    gateway.backend.later = (seconds, document)


COMPLETE = ("POST", f"/{BUCKET}/key?uploadId=u", b"<CompleteMultipartUpload/>")


def test_a_client_that_waits_for_long_is_told_so_and_gets_the_document(gateway: S3InProcess) -> None:
    takes(gateway, 0.5, COMPLETED)
    method, target, body = COMPLETE
    answer = gateway.signed(method, target, body=body)
    assert (answer.status, answer.headers["x-amz-version-id"]) == (200, "v1")
    assert "content-length" not in answer.headers
    declaration, _, rest = answer.body.partition(b"?>\n")
    assert declaration == b'<?xml version="1.0" encoding="UTF-8"'
    assert rest.startswith(b"   "), "a sign of life each 0.05 s"
    root = ElementTree.fromstring(answer.body)  # noqa: S314  our own answer
    assert (root.tag, answer.text("Location")) == (
        "CompleteMultipartUploadResult",
        "http://127.0.0.1:8420" + target.partition("?")[0],
    )


def test_what_goes_wrong_meanwhile_is_the_document(gateway: S3InProcess) -> None:
    takes(gateway, 0.5, FAILED)
    method, target, body = COMPLETE
    answer = gateway.signed(method, target, body=body)
    assert (answer.status, answer.text("Code"), answer.text("Key")) == (200, "InvalidPart", "key")
    assert answer.text("RequestId") == answer.headers["x-amz-request-id"]


@pytest.mark.parametrize(("document", "status"), [(COMPLETED, 200), (FAILED, 400)])
def test_a_document_that_comes_soon_has_a_length_and_its_own_status(
    gateway: S3InProcess, monkeypatch: pytest.MonkeyPatch, document: bytes, status: int
) -> None:
    monkeypatch.setattr(limits, "SLOW_DOCUMENT_SECONDS", 10)
    takes(gateway, 0, document)
    method, target, body = COMPLETE
    answer = gateway.signed(method, target, body=body)
    assert (answer.status, answer.headers["content-length"]) == (status, str(len(answer.body)))


def test_a_backend_that_breaks_off_meanwhile_is_the_document_too(gateway: S3InProcess) -> None:
    takes(gateway, 0.3, COMPLETED)
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n \r\n"
    gateway.backend.answer = lambda _: chunks
    gateway.backend.later = (0.3, b"no chunk at all\r\n")
    method, target, body = COMPLETE
    answer = gateway.signed(method, target, body=body)
    assert (answer.status, answer.text("Code")) == (200, "ServiceUnavailable")


def test_a_document_that_cannot_be_read_is_an_error_as_ever(gateway: S3InProcess) -> None:
    gateway.backend.answer = lambda _: b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz"
    method, target, body = COMPLETE
    assert gateway.signed(method, target, body=body).fault[:2] == (503, "ServiceUnavailable")
