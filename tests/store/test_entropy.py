"""Entropy: no byte is handed out twice, not even across a fork."""

import os

import pytest

from daypass.store.entropy import SystemEntropy


@pytest.mark.parametrize("count", [0, 1, 16, 65, 4096, 4097, 10_000])
def test_as_many_bytes_come_as_are_asked_for(count: int) -> None:
    entropy = SystemEntropy()
    assert len(entropy.bytes(count)) == count
    assert len(entropy.bytes(count)) == count


def test_no_bytes_come_twice_over_many_pages() -> None:
    entropy = SystemEntropy()
    taken = [entropy.bytes(16) for _ in range(5_000)]
    assert len(set(taken)) == len(taken)


def test_what_was_handed_out_is_kept_nowhere() -> None:
    entropy = SystemEntropy()
    taken = entropy.bytes(32)
    assert taken not in bytes(entropy._page)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_hands_out_other_bytes_than_its_parent() -> None:
    entropy = SystemEntropy()
    entropy.bytes(16)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, entropy.bytes(64))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 64) != entropy.bytes(64)
    os.close(reader)
    os.close(writer)
