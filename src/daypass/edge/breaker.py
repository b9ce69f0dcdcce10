"""The circuit breaker before a backend: one that does not answer is left alone, and asked again now and then.

Source: M. Nygard, "Release It!", "Circuit breaker"; the answer to clients is S3's SlowDown, which SDKs back off from.
"""

from __future__ import annotations

from daypass import limits


class Breaker:
    """closed: every exchange may begin. open: none may, but one as a probe each BREAKER_OPEN_SECONDS.

    now: seconds of any clock that only goes forward.
    """

    def __init__(self) -> None:
        self._failures = 0  # in a row
        self._next_probe = 0.0

    def lets_pass(self, now: float) -> bool:
        """Whether an exchange may begin; if the breaker is open, it is the probe."""
        if self._failures < limits.BREAKER_FAILURES:
            return True
        if now < self._next_probe:
            return False
        self._next_probe = now + limits.BREAKER_OPEN_SECONDS
        return True

    def succeeded(self) -> bool:
        """The backend answered, whatever it answered. Whether the breaker closed with this."""
        was_open = self._failures >= limits.BREAKER_FAILURES
        self._failures = 0
        return was_open

    def failed(self, now: float) -> bool:
        """The backend did not answer. Whether the breaker opened with this."""
        self._failures += 1
        if self._failures >= limits.BREAKER_FAILURES:
            self._next_probe = now + limits.BREAKER_OPEN_SECONDS
        return self._failures == limits.BREAKER_FAILURES
