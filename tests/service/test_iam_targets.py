"""What an IAM action was checked on is what it is done to."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from daypass.errors import ServiceError
from daypass.names import root_arn
from daypass.policy import Principal, PrincipalKind
from daypass.service.actions import Exchange, Ports
from daypass.service.caller import Caller
from daypass.service.iam import ACTIONS
from daypass.wire.http import RawRequest
from support.actions import checks_of, perform
from support.stores import ACCOUNT, SqliteEngine

NOW = datetime(2026, 11, 22, tzinfo=UTC)
REQUEST = RawRequest("POST", b"/", b"", (), b"", "127.0.0.1", False, NOW)


async def test_a_user_who_takes_the_name_after_the_check_is_not_touched(tmp_path: Path) -> None:
    async with SqliteEngine(tmp_path).open() as store:
        directory = store.directory
        checked = await directory.create_user(ACCOUNT, "alice", path="/temporary/", tags={}, created=NOW)
        account = await store.identities.account(ACCOUNT)
        assert account is not None
        root = Principal(PrincipalKind.ROOT, root_arn(ACCOUNT), ACCOUNT)
        caller = Caller(
            principal=root,
            user_id=ACCOUNT,
            access_key_id="AKIAIOSFODNN7EXAMPLE",
            account=account,
            user=None,
            session=None,
        )
        ports = Ports(store.identities, directory, store.entropy, store.key_ring)
        exchange = Exchange(REQUEST, "request-id", caller, {"UserName": "alice"})
        action = ACTIONS["DeleteUser"]
        assert [check.resource for check in await checks_of(action, ports, exchange)] == [checked.arn]

        await directory.delete_user(checked.user_id)
        other = await directory.create_user(ACCOUNT, "alice", path="/admins/", tags={}, created=NOW)
        with pytest.raises(ServiceError) as refused:
            await perform(action, ports, exchange)
        assert refused.value.code == "NoSuchEntity"
        assert await directory.find_user(ACCOUNT, "alice") == other
