"""The answer to a question that waits for its records to be written, as a value: made by whoever decided, sent by
edge.authorizer or edge.question_turn."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from daypass.service.ports import AuditRecord
from daypass.wire.http import RawResponse


class Told(msgspec.Struct, frozen=True):
    """What an asker is told.

    records: of the decisions that the response tells of; it leaves when they are written, and not before.
    unrecorded: makes what is told instead if they cannot be written, which allows nothing; of the request id.
    """

    response: RawResponse
    records: tuple[AuditRecord, ...]
    unrecorded: Callable[[str], RawResponse]
