"""Which backend a bucket is on, when there are several.

Owns the choice: the first backend, in the order configured, one of whose patterns the bucket's name fits. A bucket is
made on the backend that its name chooses, and nothing moves it from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Final

from daypass import limits
from daypass.edge.upstream import Upstream
from daypass.wire.s3_errors import not_implemented


@dataclass(frozen=True, slots=True)
class ChosenBackend:
    """A backend and the buckets that are on it.

    buckets: patterns of names; `*` stands for any characters and `?` for one.
    keeps_dots: whether it stores keys with `.` and `..` segments as they are.
    """

    upstream: Upstream
    buckets: tuple[str, ...] = ("*",)
    keeps_dots: bool = False


class Backends:
    """The backends of a gateway, in the order in which they are asked for a name."""

    def __init__(self, backends: Sequence[ChosenBackend]) -> None:
        self._backends: Final = [(_pattern(backend.buckets), backend) for backend in backends]
        # A closure of this object's own: the cache ends with it.
        self.find: Final = lru_cache(limits.IDENTITIES_CACHED)(self._find)

    @property
    def none(self) -> bool:
        """Whether no backend is configured at all."""
        return not self._backends

    def _find(self, bucket: str) -> ChosenBackend | None:
        return next((backend for pattern, backend in self._backends if pattern.fullmatch(bucket)), None)

    def of(self, bucket: str) -> Upstream:
        """Raises ServiceError (NotImplemented) if the name fits no backend."""
        found = self.find(bucket)
        if found is None:
            raise not_implemented("no S3 backend is configured for a bucket of this name")
        return found.upstream

    def keeps_dots(self, bucket: str) -> bool:
        found = self.find(bucket)
        return found is not None and found.keeps_dots


def _pattern(buckets: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join([translate(pattern) for pattern in buckets]))
