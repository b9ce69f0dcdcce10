"""docs/client.md holds: its Python runs against a running Daypass, and what it says of the classes is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import daypass.client as package
from daypass.client import TokenService, ValidationError
from support.server import Daypass, allow

PAGE = (Path(__file__).parent.parent.parent / "docs" / "client.md").read_text()


def test_the_python_of_the_page_runs_from_top_to_bottom(daypass: Daypass) -> None:
    keys = daypass.new_user("client-page", allow(["sts:GetFederationToken", "sts:TagSession"], "*"), allow("s3:*", "*"))
    daypass.client("s3", daypass.root).create_bucket(Bucket="reports")
    names: dict[str, Any] = {}
    first, mistake, builder, renewing = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    mine = f'"{keys.access_key_id}", "{keys.secret_access_key}"'
    first = first.replace("http://127.0.0.1:8420", daypass.url).replace('"AKIA…", "…"', mine)
    exec(first, names)  # noqa: S102  the page's own Python
    assert names["token"].arn == f"arn:aws:sts::{daypass.account_id}:federated-user/Bob"

    with pytest.raises(ValidationError) as caught:
        exec(mistake, names)  # noqa: S102  likewise
    shown = " ".join(line.removeprefix("# ") for line in mistake.splitlines() if line.startswith("#"))
    assert str(caught.value) == shown

    exec(builder, names)  # noqa: S102  likewise
    renewing = renewing.replace('client("s3")', f'client("s3", region_name="us-east-1", endpoint_url="{daypass.url}")')
    exec(renewing, names)  # noqa: S102  likewise
    names["s3"].put_object(Bucket="reports", Key="bob/a", Body=b"a")
    names["service"].close()


def test_the_table_of_requests_is_whole() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(\w+)`", PAGE, re.MULTILINE))
    requests = {name for name in package.__all__ if name.endswith("Request")} - {"GetCallerIdentityRequest"}
    assert {*rows} == requests
    for request, call in rows.items():
        assert callable(getattr(TokenService, call))
        answer = getattr(package, request).result.__name__
        assert re.search(rf"^\| `{request}` .*\| `{answer}` \|$", PAGE, re.MULTILINE)
