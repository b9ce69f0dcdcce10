from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daypass import limits
from daypass.wire.chunk_writer import ChunkWriter
from support.aws_chunked import encode, split

CHUNK = limits.UPSTREAM_CHUNK_BYTES
CHECKSUM = {"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}


@given(
    length=st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5]),
    cuts=st.lists(st.integers(0, 3 * CHUNK), max_size=6),
)
def test_what_is_written_has_the_announced_length_and_frames_of_one_size(length: int, cuts: list[int]) -> None:
    body = b"x" * length
    ((name, value),) = CHECKSUM.items()
    writer = ChunkWriter(length, name, len(value))
    places = [0, *sorted(min(cut, length) for cut in cuts), length]
    written = b"".join([writer.feed(body[start:end]) for start, end in pairwise(places)])
    written += writer.finish(value)
    assert written == encode(split(body, CHUNK), trailers=CHECKSUM)
    assert len(written) == writer.length
