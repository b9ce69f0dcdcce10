"""An object's body on its way in: decoded, and proven before its last piece is let go.

Whatever mode it comes in, a backend that was promised its length never gets the last piece of a body that is not what
was declared and signed, so it stores nothing. Owns that order; the frames are wire.chunked's, the sums wire.checksums'.

Source: S3 API Reference, "Signature calculations for the Authorization header"; S3 User Guide, "Checking object
integrity".
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol, assert_never

from daypass import limits
from daypass.edge.client import Client, ClientGone, compare_payload_hash
from daypass.errors import ServiceError
from daypass.wire.checksums import ALGORITHM, TRAILER, Checksums
from daypass.wire.chunk_writer import ChunkWriter
from daypass.wire.chunked import ChunkedBody, ChunkSignatures
from daypass.wire.payload import DECODED_LENGTH, BodyMode, Payload, without_chunking
from daypass.wire.s3_errors import s3_error
from daypass.wire.sigv4 import UNSIGNED_PAYLOAD


class Decoder(Protocol):
    """What takes an object out of what it travels in."""

    def feed(self, data: bytes) -> list[bytes]: ...

    def finish(self) -> Mapping[str, str]: ...


class ObjectBody:
    """One object's body.

    length: of the object. complete: whether all of it was received and proven.
    fault: why it broke off, if it did.
    """

    def __init__(
        self,
        source: AsyncIterator[bytes] | bytes,
        payload: Payload,
        checksums: Checksums,
        decoder: Decoder | None,
    ) -> None:
        """source: what is received, or was received whole. decoder: None if that is the object itself.

        Raises:
            ServiceError: MissingContentLength.
        """
        if payload.length is None:
            raise s3_error("MissingContentLength")
        self._source = source
        self._payload = payload
        self._checksums = checksums
        self._digest = hashlib.sha256()
        self._decoder = decoder
        self.length = payload.length
        self.complete = False
        self.fault: ServiceError | ClientGone | None = None
        self._trailers: dict[str, str] = {}

    @property
    def payload_hash(self) -> str:
        """What the backend is told of it: the hash that the client declared, which it so proves once more."""
        return self._payload.declared if self._payload.mode is BodyMode.HASHED else UNSIGNED_PAYLOAD

    async def ready(self) -> bytes | AsyncIterator[bytes]:
        """The body as the backend can be sent it: a small one whole and proven, a large one in proven order.

        Raises:
            ServiceError: what is wrong with a small body; `chunks` raises it for a large one.
            ClientGone: it left.
        """
        if self.length > limits.UPSTREAM_WHOLE_BODY_BYTES:
            return self.chunks()
        pieces: list[bytes] = []
        try:
            if isinstance(self._source, bytes):
                pieces += self._decoded(self._source)
            else:
                async for received in self._source:
                    pieces += self._decoded(received)
            self._finish()
        except (ServiceError, ClientGone) as fault:
            self.fault = fault
            raise
        self.complete = True
        return b"".join(pieces)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The object, piece by piece.

        Raises:
            ServiceError: IncompleteBody and what else breaks a body off; before the last piece what proves it wrong.
            ClientGone: it left.
        """
        held = b""
        try:
            source = _pieces(self._source) if isinstance(self._source, bytes) else self._source
            async for received in source:
                for piece in self._decoded(received):
                    if held:
                        yield held
                    held = piece
            self._finish()
        except (ServiceError, ClientGone) as fault:
            self.fault = fault
            raise
        self.complete = True
        if held:
            yield held

    def _decoded(self, received: bytes) -> list[bytes]:
        pieces = [received] if self._decoder is None else self._decoder.feed(received)
        for piece in pieces:
            self._take(piece)
        return pieces

    def _take(self, piece: bytes) -> None:
        if self._payload.mode is BodyMode.HASHED:
            self._digest.update(piece)
        if not self._checksums.hashes_nothing:
            self._checksums.update(piece)

    def _finish(self) -> None:
        """Raises ServiceError unless every promise about the body was kept."""
        if self._payload.mode is BodyMode.HASHED:
            compare_payload_hash(self._payload.declared, self._digest.hexdigest())
        if self._decoder is not None:
            self._trailers.update(self._decoder.finish())
        self._checksums.verify(self._trailers)

    def trailed(self) -> tuple[ChunkWriter, AsyncIterator[bytes]] | None:
        """A large object's way to a backend that takes trailers, where its checksum comes in one: the writer, which
        knows the length, and what it writes. None if it has no trailer, or if the trailer is known already."""
        name = self._checksums.trailer
        if name is None or self._trailers:
            return None
        writer = ChunkWriter(self.length, name, self._checksums.trailer_chars)
        return writer, self._trailed(writer, name)

    async def _trailed(self, writer: ChunkWriter, name: str) -> AsyncIterator[bytes]:
        async for piece in self.chunks():
            frames = writer.feed(piece)
            if frames:
                yield frames
        yield writer.finish(self._trailers[name])

    def object_headers(self, headers: list[tuple[str, str]], *, trailed: bool = False) -> list[tuple[str, str]]:
        """The object's headers without what only its way here asked for; with a trailer's checksum, if it is known
        before the object is sent on.

        trailed: whether the checksum follows the object on its way from here, too.
        """
        if not self._payload.mode.is_chunked:
            return headers
        kept = dict(headers)
        if "content-encoding" in kept:
            kept["content-encoding"] = without_chunking(kept["content-encoding"])
            if not kept["content-encoding"]:
                del kept["content-encoding"]
        if trailed and self._checksums.trailer is not None:
            coding = kept.get("content-encoding")
            kept["content-encoding"] = "aws-chunked" if coding is None else f"aws-chunked,{coding}"
            kept |= {TRAILER: self._checksums.trailer, DECODED_LENGTH: str(self.length)}
        elif self._checksums.trailer is not None and not self._trailers:
            kept.pop(ALGORITHM, None)  # says which checksum comes; none comes any more
        return [*kept.items(), *self._trailers.items()]


def object_body(
    client: Client, payload: Payload, checksums: Checksums, signatures: ChunkSignatures | None
) -> ObjectBody:
    """The body of a request that is an object, in whatever mode.

    signatures: of its chunks, beginning with the request's own; for a mode that signs them.

    Raises:
        ServiceError: MissingContentLength.
    """
    if payload.length is None:
        raise s3_error("MissingContentLength")
    source = client.body(payload.length) if client.whole is None else client.whole
    return ObjectBody(source, payload, checksums, _decoder(payload.mode, payload.length, signatures))


async def _pieces(whole: bytes) -> AsyncIterator[bytes]:
    yield whole


def _decoder(mode: BodyMode, length: int, signatures: ChunkSignatures | None) -> ChunkedBody | None:
    match mode:
        case BodyMode.HASHED | BodyMode.UNSIGNED:
            return None
        case BodyMode.SIGNED_CHUNKS | BodyMode.SIGNED_CHUNKS_AND_TRAILERS:
            if signatures is None:
                raise TypeError("signed chunks without the key that signs them")
            trailers = mode is BodyMode.SIGNED_CHUNKS_AND_TRAILERS
            return ChunkedBody(length, signatures=signatures, has_trailers=trailers)
        case BodyMode.UNSIGNED_CHUNKS_AND_TRAILERS:
            return ChunkedBody(length, signatures=None, has_trailers=True)
        case _:
            assert_never(mode)
