"""An answer that the backend takes long for: the client hears that it is still being worked on, as it would from S3.

Completing an upload or copying a large object takes minutes, and clients give up on a connection that is silent for
one. S3 sends its 200 before it is done, then white space, and says in the document how it ended; so do stores like
Swift, whose white space does not get past whoever reads the document whole.

Source: S3 API Reference, CompleteMultipartUpload and CopyObject (white space to keep the connection, and a 200 whose
body is an error).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from daypass import limits
from daypass.edge.client import Client, host_id
from daypass.errors import ServiceError
from daypass.wire import s3_xml
from daypass.wire.http import Headers

# Those of which S3 says so: SDKs look for an error in the document of each.
TAKES_LONG: Final = frozenset({"CompleteMultipartUpload", "CopyObject", "UploadPartCopy"})

_DECLARATION: Final = s3_xml.DECLARATION.encode()


async def answer(
    client: Client, status: int, headers: Headers, reading: Coroutine[Any, Any, bytes], request_id: str
) -> None:
    """Answers with the document, whole if it comes soon.

    headers: without a length. reading: comes to the document.

    Raises:
        ServiceError: what `reading` raises soon; later it is the document.
        ClientGone: the client left.
    """
    document = asyncio.ensure_future(reading)
    try:
        if await _is_there(document):
            whole = document.result()
            length = (b"content-length", str(len(whole)).encode("ascii"))
            await client.answer(status, (*headers, length), whole)
            return
        await client.start(status, headers)
        await client.send(_DECLARATION, more=True)
        while not document.done():
            await client.send(b" ", more=True)
            await _is_there(document)
        await client.send(_undeclared(_outcome(document, request_id)), more=False)
    finally:
        document.cancel()
        await asyncio.wait((document,))


async def _is_there(document: asyncio.Future[bytes]) -> bool:
    await asyncio.wait((document,), timeout=limits.SLOW_DOCUMENT_SECONDS)
    return document.done()


def _outcome(document: asyncio.Future[bytes], request_id: str) -> bytes:
    try:
        return document.result()
    except ServiceError as error:
        return s3_xml.render_error(error, request_id, host_id(request_id))


def _undeclared(document: bytes) -> bytes:
    """An XML declaration stands at the beginning or nowhere. (XML 1.0, 2.8)"""
    document = document.lstrip()
    return document.partition(b"?>")[2] if document.startswith(b"<?xml") else document
