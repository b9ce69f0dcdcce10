"""docs/compatibility.md says what the tables in the code say, and what it says of refusals is so."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daypass.service import iam, sts
from daypass.wire import model
from support.api import InProcess, Key, allow, in_process

ROOT = Path(__file__).parent.parent
FACTS: dict[str, Any] = tomllib.loads((ROOT / "docs" / "compatibility_facts.toml").read_text())
ACTIONS: dict[str, set[str]] = {
    "sts": {*sts.ACTIONS} - {*FACTS["told"]["sts"]},
    "iam": {*iam.ACTIONS} - {*FACTS["told"]["iam"]},
}
SERVICES: tuple[model.ServiceName, ...] = ("sts", "iam")

POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}'
# What else the call needs to be one; and the values to be refused.
CALLS: dict[str, dict[str, str]] = {
    "AssumeRole": {"RoleArn": "arn:aws:iam::123456789012:role/any", "RoleSessionName": "any"},
    "AssumeRoleWithWebIdentity": {
        "RoleArn": "arn:aws:iam::123456789012:role/any",
        "RoleSessionName": "any",
        "WebIdentityToken": "eyJ.any.token",
    },
    "CreateSAMLProvider": {"Name": "any", "SAMLMetadataDocument": "x" * 1000},
    "UpdateSAMLProvider": {"SAMLProviderArn": "arn:aws:iam::123456789012:saml-provider/any"},
    "ListServiceSpecificCredentials": {},
    "SimulateCustomPolicy": {"PolicyInputList.member.1": POLICY, "ActionNames.member.1": "s3:GetObject"},
    "SimulatePrincipalPolicy": {
        "PolicySourceArn": "arn:aws:iam::123456789012:user/caller",
        "ActionNames.member.1": "s3:GetObject",
    },
    "UpdateAccessKey": {"UserName": "caller", "AccessKeyId": "AKIAEXAMPLE222222222"},
}
VALUES: dict[str, dict[str, str]] = {
    "AddPrivateKey": {"AddPrivateKey": "x"},
    "AllUsers": {"AllUsers": "true"},
    "AssertionEncryptionMode": {"AssertionEncryptionMode": "Required"},
    "ProvidedContexts": {
        "ProvidedContexts.member.1.ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter",
        "ProvidedContexts.member.1.ContextAssertion": "assertion",
    },
    "ProviderId": {"ProviderId": "www.amazon.com"},
    "RemovePrivateKey": {"RemovePrivateKey": "X" * 22},
    "ResourceHandlingOption": {"ResourceHandlingOption": "EC2-VPC-InstanceStore"},
    "Status": {"Status": "Expired"},
}


def refused_parameters() -> list[tuple[model.ServiceName, str, str]]:
    return [
        (service, action, parameter)
        for kind in ("refused", "values")
        for service in SERVICES
        for action, parameters in FACTS[kind].get(service, {}).items()
        for parameter in parameters
    ]


@pytest.fixture(scope="module")
def daypass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    with in_process(tmp_path_factory.mktemp("compatibility") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def caller(daypass: InProcess) -> Key:
    """May do everything, so that what is refused is refused for its parameters."""
    return daypass.user("caller", allow("*"))


def test_the_page_is_what_the_tables_say() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/compatibility.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_facts_are_of_parameters_that_served_actions_have() -> None:
    for service, action, parameter in refused_parameters():
        shape = model.load(service).operations[action].input
        assert action in ACTIONS[service]
        assert shape is not None
        assert parameter in shape.members, (action, parameter)


@pytest.mark.parametrize(("service", "action", "parameter"), refused_parameters())
def test_a_parameter_that_the_page_calls_refused_is_refused(
    service: str, action: str, parameter: str, daypass: InProcess, caller: Key
) -> None:
    answer = daypass.call(caller, action, CALLS[action] | VALUES[parameter], service=service)
    status, code, message = answer.fault
    assert (status, code) in {(400, "InvalidInput"), (400, "InvalidParameterValue")}, message
    # The error speaks of the parameter, so that it is not another fault that was found.
    spoken = {"ResourceHandlingOption": "resource handling options", "Status": "status of an access key"}
    assert message is not None
    assert spoken.get(parameter, parameter) in message


@pytest.mark.parametrize("service", SERVICES)
def test_every_other_parameter_of_a_served_action_is_read_by_the_code_that_serves_it(
    service: model.ServiceName,
) -> None:
    """A parameter whose name does not even occur would be one that is accepted and ignored."""
    source = "".join(path.read_text() for path in (ROOT / "src" / "daypass" / "service").rglob("*.py"))
    # As a text of its own, numbered ones perhaps by an f"Name{number}".
    named = set(re.findall(r'"([A-Za-z]+)(?:[0-9]|\{[a-z_]+\})?"', source))
    for action in ACTIONS[service]:
        shape = model.load(service).operations[action].input
        unread = [name for name in (shape.members if shape else ()) if name.rstrip("0123456789") not in named]
        assert unread == [], action


@pytest.mark.parametrize("service", SERVICES)
def test_an_action_that_is_left_out_on_purpose_is_left_out_and_told_once(service: model.ServiceName) -> None:
    told = [name for names in FACTS["not_served"].get(service, {}).values() for name in names]
    assert len(told) == len(set(told))
    assert {*told} <= {*model.load(service).operations}
    assert {*told}.isdisjoint(ACTIONS[service])


def test_what_is_not_served_is_answered_so_to_one_who_may_do_everything(daypass: InProcess, caller: Key) -> None:
    for service in SERVICES:
        for names in FACTS["not_served"].get(service, {}).values():
            for action in {*names} - {*FACTS["told"][service]}:
                status, code, message = daypass.call(caller, action, service=service).fault
                assert (status, code) == (400, "InvalidAction")
                assert message is not None
                assert message.startswith(f"{action} is not served by Daypass")


def test_what_is_refused_in_words_of_its_own_says_that_it_is_not_available(daypass: InProcess, caller: Key) -> None:
    assert FACTS["told"] == {"sts": ["GetDelegatedAccessToken"], "iam": []}
    status, code, message = daypass.call(caller, "GetDelegatedAccessToken", {"TradeInToken": "any"}).fault
    assert (status, code) == (403, "AccessDenied")
    assert message is not None
    assert "not available" in message
