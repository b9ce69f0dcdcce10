"""store.entropy: as many bytes as were asked for, and others every time."""

from daypass.service.ports import Entropy
from daypass.store.entropy import SystemEntropy


def test_it_gives_as_many_bytes_as_asked_and_never_the_same() -> None:
    entropy: Entropy = SystemEntropy()
    assert len(entropy.bytes(33)) == 33
    assert entropy.bytes(16) != entropy.bytes(16)
