"""Whether a text is a session policy of the plainest form, known without the whole grammar check.

Nearly every session policy is statements of Effect, Action and Resource, and each is seen once: the check of one
is a large part of issuing credentials. This answers "yes" in a fifth of daypass.policy.document's time, and "yes"
only where that module accepts; whatever is unusual or wrong it leaves to it, with its words for the fault.

Source: as daypass.policy.document's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from daypass import limits
from daypass.policy.document import is_action
from daypass.policy.plain_form import decode
from daypass.policy.resource_format import fails_legacy_parsing, resource_fault

# Nothing is wrong with a Resource that begins so, and most do.
_USUAL_RESOURCE: Final = "arn:aws:s3:::"
# What is remembered of actions is bounded in number and in size: anyone can send actions to be checked.
_ACTIONS_CACHED: Final = 1024
_ACTION_CHARS: Final = 64


_is_action: Final = lru_cache(_ACTIONS_CACHED)(is_action)


def is_plain(text: str) -> bool:
    """Whether Policy.parse(text, PolicyKind.SESSION) accepts the text, as far as can be told quickly.

    False: nothing is known.
    """
    # 1. ASCII without escapes, so that every string stands between two quotation marks as it is.
    if not text.isascii() or "\\" in text or len(text) > limits.POLICY_DOCUMENT_CHARS:
        return False
    try:
        document = decode(text)
    except msgspec.MsgspecError:
        return False

    # 2. Each statement's values. Strings are counted on the way: Version, its value and Statement are three.
    statements = document.Statement if isinstance(document.Statement, list) else [document.Statement]
    strings, sids = 3, set()
    for statement in statements:
        actions, resources, sid = statement.Action, statement.Resource, statement.Sid
        if isinstance(actions, str):
            actions = [actions]
        if isinstance(resources, str):
            resources = [resources]
        if not actions or not resources:
            return False
        for action in actions:
            if len(action) > _ACTION_CHARS or not _is_action(action):
                return False
        for resource in resources:
            if not resource.startswith(_USUAL_RESOURCE) and _is_faulty(resource):
                return False
        strings += 4 + len(actions) + len(resources)
        if sid:
            if sid in sids or not sid.isalnum():
                return False
            sids.add(sid)
            strings += 2

    # 3. The text has these strings and no other: a key that stands twice in an object would be one more.
    return bool(statements) and text.count('"') == 2 * strings


def _is_faulty(resource: str) -> bool:
    return resource_fault(resource) is not None or fails_legacy_parsing(resource)
