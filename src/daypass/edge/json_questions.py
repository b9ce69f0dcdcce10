"""A question to the authorizer as JSON, or a batch of them, and its answer: POST /_daypass/authorize.

Owns how the answers of a batch are told together. What is asked and answered is service.decisions'.

Source: the form is Daypass's own; docs/authorizer.md shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from daypass.edge.askers import answer, refusal
from daypass.edge.told import Told
from daypass.errors import service_unavailable
from daypass.service.decisions import Decider
from daypass.service.questions import Answer, read_questions
from daypass.wire.http import RawRequest, RawResponse

AUTHORIZE_PATH: Final = b"/_daypass/authorize"


class JsonQuestions:
    """Answers them, each with what was decided."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    async def told(self, question: RawRequest, request_id: str) -> Told:
        """question: as it was sent to AUTHORIZE_PATH, with its body.

        Raises:
            QuestionError: it makes no sense.
        """
        questions, is_batch = read_questions(question.body)
        answers = [await self._decider.answer(one, request_id, question.received) for one in questions]
        return _told(answers, request_id, is_batch=is_batch)

    def held(self, question: RawRequest, request_id: str) -> Told | None:
        """As `told`, if nothing has to be waited for. None says nothing: ask `told`."""
        questions, is_batch = read_questions(question.body)
        answers = []
        for one in questions:
            held = self._decider.held(one, request_id, question.received)
            if held is None:
                return None
            answers.append(held)
        return _told(answers, request_id, is_batch=is_batch)


def _told(answers: Sequence[Answer], request_id: str, *, is_batch: bool) -> Told:
    if not is_batch:
        return Told(answer(200, answers[0].shown, "POST", request_id), answers[0].records, _unrecorded)
    # Nothing was asked: nothing is allowed.
    allowed = len(answers) > 0 and all(one.shown["allowed"] is True for one in answers)
    shown = {"request_id": request_id, "allowed": allowed, "answers": [one.shown for one in answers]}
    records = [record for one in answers for record in one.records]
    return Told(answer(200, shown, "POST", request_id), tuple(records), _unrecorded)


def _unrecorded(request_id: str) -> RawResponse:
    return refusal(service_unavailable("The decision could not be recorded, so it is not told."), "POST", request_id)
