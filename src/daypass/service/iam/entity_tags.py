"""Tags of users, roles, managed policies and instance profiles: the same three actions for each.

Source: IAM API Reference; Service Authorization Reference for aws:RequestTag, aws:TagKeys and the tags of the resource.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from daypass import limits
from daypass.service.actions import Action, Check, ContextValue, Exchange, Ports
from daypass.service.iam import pages, tagging
from daypass.service.iam.faults import worded

Result = Mapping[str, Any]


class Tagged(Protocol):
    """What has tags in the directory, by its unique id."""

    @property
    def entity_id(self) -> str: ...

    @property
    def tags(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Taggable:
    """One kind of it.

    noun: of its actions and its quota. check: of an action on what the call is about. require: that itself, for an
    action; it raises ServiceError. words: what faults.worded needs, should it be gone meanwhile.
    """

    noun: str
    check: Callable[[Ports, Exchange, str, Mapping[str, ContextValue]], Awaitable[Check]]
    require: Callable[[Ports, Exchange, str], Awaitable[Tagged]]
    words: Callable[[Exchange], Mapping[str, str]]


def actions(kind: Taggable) -> dict[str, Action]:
    """The rows of ACTIONS for one kind, such as TagUser."""
    tag, untag, list_tags = f"iam:Tag{kind.noun}", f"iam:Untag{kind.noun}", f"iam:List{kind.noun}Tags"

    async def tag_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        tags = tagging.request_context(tagging.tags_of(exchange.parameters))
        return (await kind.check(ports, exchange, tag, tags),)

    async def tag_it(ports: Ports, exchange: Exchange) -> Result:
        tagged = await kind.require(ports, exchange, tag)
        with worded(tagged=f"{kind.noun}: {limits.TAGS_PER_ENTITY}", **kind.words(exchange)):
            await ports.directory.tag(tagged.entity_id, tagging.tags_of(exchange.parameters))
        return {}

    async def untag_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await kind.check(ports, exchange, untag, tagging.keys_context(exchange.parameters["TagKeys"])),)

    async def untag_it(ports: Ports, exchange: Exchange) -> Result:
        tagged = await kind.require(ports, exchange, untag)
        with worded(**kind.words(exchange)):
            await ports.directory.untag(tagged.entity_id, exchange.parameters["TagKeys"])
        return {}

    async def list_checks(ports: Ports, exchange: Exchange) -> Sequence[Check]:
        return (await kind.check(ports, exchange, list_tags, {}),)

    async def list_them(ports: Ports, exchange: Exchange) -> Result:
        tagged = await kind.require(ports, exchange, list_tags)
        shown, more = pages.page(exchange.parameters, tagging.tag_list(tagged.tags), lambda row: row["Key"])
        return {"Tags": shown, **more}

    rows = {tag: (tag_it, tag_checks), untag: (untag_it, untag_checks), list_tags: (list_them, list_checks)}
    return {action.removeprefix("iam:"): Action(perform, checks) for action, (perform, checks) in rows.items()}
