"""What every engine of the Directory port does with identity providers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from daypass import limits
from daypass.service.ports import (
    AlreadyExists,
    DirectoryError,
    Entity,
    LimitReached,
    NotFound,
    OidcProvider,
    OidcProviderRecord,
    SamlProvider,
    SamlProviderRecord,
)
from daypass.store import Store
from support.stores import ACCOUNT, NOW, OTHER_ACCOUNT, Engine

OIDC_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/idp.example.com/realm"
SAML_ARN = f"arn:aws:iam::{ACCOUNT}:saml-provider/Corporate"


async def new_oidc(store: Store, url: str = "idp.example.com/realm", **tags: str) -> OidcProviderRecord:
    return await store.directory.create_oidc_provider(
        ACCOUNT, url, client_ids=["b", "a"], thumbprints=["f" * 40], tags=tags, created=NOW
    )


async def new_saml(store: Store, name: str = "Corporate", **tags: str) -> SamlProviderRecord:
    return await store.directory.create_saml_provider(
        ACCOUNT, name, metadata="<md/>", valid_until=NOW + timedelta(days=1), tags=tags, created=NOW
    )


async def refusal(change: Awaitable[Any]) -> tuple[type[DirectoryError], Entity]:
    """How the directory refused the change."""
    with pytest.raises(DirectoryError) as refused:
        await change
    return type(refused.value), refused.value.entity


async def test_a_provider_is_found_whole_and_listed_by_its_arn(engine: Engine) -> None:
    async with engine.open() as store:
        oidc, saml = await new_oidc(store, team="red"), await new_saml(store, Team="blue")
        assert (oidc.arn, oidc.client_ids, oidc.thumbprints) == (OIDC_ARN, ("b", "a"), ("f" * 40,))
        assert (saml.arn, saml.valid_until, saml.tags) == (SAML_ARN, NOW + timedelta(days=1), {"Team": "blue"})
        assert await store.directory.find_oidc_provider(OIDC_ARN) == oidc
        assert await store.directory.find_saml_provider(SAML_ARN) == saml
        earlier, other = await new_oidc(store, "a.example.com"), await new_saml(store, "Another")
        assert await store.directory.list_oidc_providers(ACCOUNT) == [earlier, oidc]
        assert await store.directory.list_saml_providers(ACCOUNT) == [other, saml]
        assert await store.directory.list_oidc_providers(OTHER_ACCOUNT) == []
        assert await store.directory.list_saml_providers(OTHER_ACCOUNT) == []


async def test_a_provider_is_what_requests_read(engine: Engine) -> None:
    async with engine.open() as store, engine.open() as other:
        await new_oidc(store)
        await new_saml(store)
        for worker in (store, other):
            assert await worker.identities.oidc_provider(OIDC_ARN) == OidcProvider(
                OIDC_ARN, ACCOUNT, "idp.example.com/realm", ("b", "a"), ("f" * 40,)
            )
            assert await worker.identities.saml_provider(SAML_ARN) == SamlProvider(
                SAML_ARN, ACCOUNT, "Corporate", "<md/>", NOW
            )


async def test_a_change_is_seen_at_once_by_who_made_it(engine: Engine) -> None:
    async with engine.open() as store:
        directory, identities = store.directory, store.identities
        await new_oidc(store)
        await new_saml(store)
        assert await identities.oidc_provider(OIDC_ARN) is not None
        assert await identities.saml_provider(SAML_ARN) is not None
        await directory.set_thumbprints(OIDC_ARN, ["a" * 40, "b" * 40])
        await directory.add_client_id(OIDC_ARN, "c")
        await directory.add_client_id(OIDC_ARN, "c")
        await directory.remove_client_id(OIDC_ARN, "b")
        await directory.remove_client_id(OIDC_ARN, "never")
        await directory.update_saml_provider(SAML_ARN, "<new/>", None)
        oidc, saml = await identities.oidc_provider(OIDC_ARN), await identities.saml_provider(SAML_ARN)
        assert oidc is not None
        assert saml is not None
        assert (oidc.client_ids, oidc.thumbprints, saml.metadata) == (("a", "c"), ("a" * 40, "b" * 40), "<new/>")
        await directory.delete_oidc_provider(OIDC_ARN)
        await directory.delete_saml_provider(SAML_ARN)
        assert await identities.oidc_provider(OIDC_ARN) is None
        assert await identities.saml_provider(SAML_ARN) is None


async def test_a_name_is_taken_in_whatever_case_but_in_its_own_account(engine: Engine) -> None:
    async with engine.open() as store:
        await new_oidc(store)
        await new_saml(store)
        assert await refusal(new_oidc(store, "IDP.example.com/realm")) == (AlreadyExists, Entity.PROVIDER)
        assert await refusal(new_saml(store, "CORPORATE")) == (AlreadyExists, Entity.PROVIDER)


async def test_tags_are_kept_under_the_arn_and_go_with_the_provider(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        await new_oidc(store, team="red")
        await directory.tag_provider(OIDC_ARN, {"Team": "blue", "cost": "1"})
        await directory.untag_provider(OIDC_ARN, ["COST", "never"])
        found = await directory.find_oidc_provider(OIDC_ARN)
        assert found is not None
        assert found.tags == {"Team": "blue"}
        await directory.delete_oidc_provider(OIDC_ARN)
        assert (await new_oidc(store)).tags == {}
        again = await directory.find_oidc_provider(OIDC_ARN)
        assert again is not None
        assert again.tags == {}


async def test_what_is_not_there_cannot_be_changed(engine: Engine) -> None:
    async with engine.open() as store:
        directory, none = store.directory, (NotFound, Entity.PROVIDER)
        assert await directory.find_oidc_provider(OIDC_ARN) is None
        assert await directory.find_saml_provider(SAML_ARN) is None
        for change in (
            directory.set_thumbprints(OIDC_ARN, []),
            directory.add_client_id(OIDC_ARN, "a"),
            directory.remove_client_id(OIDC_ARN, "a"),
            directory.delete_oidc_provider(OIDC_ARN),
            directory.update_saml_provider(SAML_ARN, "<md/>", None),
            directory.delete_saml_provider(SAML_ARN),
            directory.tag_provider(OIDC_ARN, {"a": "b"}),
            directory.tag_provider(SAML_ARN, {"a": "b"}),
            directory.untag_provider(SAML_ARN, ["a"]),
            directory.tag_provider(f"arn:aws:iam::{ACCOUNT}:user/alice", {"a": "b"}),
        ):
            assert await refusal(change) == none


async def test_the_quotas_hold(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        many = [f"client-{number}" for number in range(limits.CLIENT_IDS_PER_PROVIDER)]
        full = await directory.create_oidc_provider(
            ACCOUNT, "full.example.com", client_ids=many, thumbprints=[], tags={}, created=NOW
        )
        assert await refusal(directory.add_client_id(full.arn, "more")) == (LimitReached, Entity.CLIENT_ID)
        too_many = directory.create_oidc_provider(
            ACCOUNT, "more.example.com", client_ids=[*many, "more"], thumbprints=[], tags={}, created=NOW
        )
        assert await refusal(too_many) == (LimitReached, Entity.CLIENT_ID)
        tags = {f"tag-{number}": "" for number in range(limits.TAGS_PER_ENTITY + 1)}
        assert await refusal(directory.tag_provider(full.arn, tags)) == (LimitReached, Entity.TAG)
        for number in range(limits.PROVIDERS_PER_ACCOUNT):
            await new_saml(store, f"saml-{number}")
        assert await refusal(new_saml(store, "one-more")) == (LimitReached, Entity.PROVIDER)


# --- our own issuer ---


async def test_an_account_is_an_issuer_or_not(engine: Engine) -> None:
    async with engine.open() as store, engine.open() as other:
        directory = store.directory

        async def issuers() -> list[str | None]:
            accounts = [await worker.identities.account(ACCOUNT) for worker in (store, other)]
            return [account.web_identity_issuer for account in accounts if account is not None]

        assert await issuers() == [None, None]
        assert await refusal(directory.set_web_identity_issuer(ACCOUNT, None)) == (NotFound, Entity.PROVIDER)
        assert await refusal(directory.set_web_identity_issuer(OTHER_ACCOUNT, "x")) == (NotFound, Entity.ACCOUNT)
        await directory.set_web_identity_issuer(ACCOUNT, "first")
        assert (await issuers())[0] == "first"
        assert await refusal(directory.set_web_identity_issuer(ACCOUNT, "second")) == (AlreadyExists, Entity.PROVIDER)
        await directory.set_web_identity_issuer(ACCOUNT, None)
        assert (await issuers())[0] is None


async def test_a_key_is_made_once_for_an_algorithm_and_shared_by_all_workers(engine: Engine) -> None:
    async with engine.open() as store, engine.open() as other:
        assert await store.directory.published_keys(NOW) == []
        asked = [worker.directory.web_identity_key("ES384", NOW) for worker in (store, other, store)]
        keys = await asyncio.gather(*asked)
        assert {key.key_name for key in keys} == {keys[0].key_name}
        assert keys[0].private.reveal() == keys[1].private.reveal() == keys[2].private.reveal()
        assert keys[0].private.reveal() not in repr(keys[0])
        assert await other.directory.published_keys(NOW) == [keys[0].public]
        rsa = await other.directory.web_identity_key("RS256", NOW + timedelta(hours=1))
        assert await store.directory.published_keys(NOW) == [keys[0].public, rsa.public]
        assert (rsa.algorithm, rsa.created) == ("RS256", NOW + timedelta(hours=1))


async def test_a_key_makes_way_for_another_and_is_published_until_its_last_token_is_over(engine: Engine) -> None:
    async with engine.open() as store:
        directory = store.directory
        later = NOW + timedelta(seconds=limits.WEB_IDENTITY_KEY_SECONDS)
        old = await directory.web_identity_key("ES384", NOW)
        assert await directory.web_identity_key("ES384", later - timedelta(seconds=1)) == old
        new = await directory.web_identity_key("ES384", later)
        assert new.key_name != old.key_name
        assert await directory.web_identity_key("ES384", later) == new
        over = later + timedelta(seconds=limits.WEB_IDENTITY_SECONDS_MAX + limits.WEB_IDENTITY_LEEWAY_SECONDS)
        assert await directory.published_keys(over - timedelta(seconds=1)) == [old.public, new.public]
        assert await directory.published_keys(over) == [new.public]
