"""`daypass account`: what it makes, prints and refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.accounts import account_command, attach, new_account, until
from support.api import ACCOUNT, InProcess, Key, allow, in_process

OTHER = "210987654321"
THIRD = "310987654321"
DENY_S3 = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}


@pytest.fixture
def daypass(tmp_path: Path) -> Iterator[InProcess]:
    with in_process(tmp_path / "data") as running:
        yield running


def test_a_new_account_s_root_can_sign_in_at_once_and_its_key_is_printed_once(daypass: InProcess) -> None:
    root = new_account(daypass.directory, OTHER)
    who = daypass.call(root, "GetCallerIdentity")
    assert (who.text("Arn"), who.text("Account")) == (f"arn:aws:iam::{OTHER}:root", OTHER)
    assert root.secret not in account_command(daypass.directory, "list", "--json").output
    made = account_command(daypass.directory, "create", "--name", "sandbox")
    assert "AWS_SECRET_ACCESS_KEY=" in made.output
    listed = json.loads(account_command(daypass.directory, "list", "--json").output)
    assert sorted((one["Name"] or "", one["Management"]) for one in listed) == [
        ("", False),
        ("", True),
        ("sandbox", False),
    ]
    assert "management" in account_command(daypass.directory, "list").output


def test_accounts_are_apart(daypass: InProcess) -> None:
    root = new_account(daypass.directory, OTHER)
    daypass.user("alice", allow("*"))
    assert daypass.call(root, "GetUser", {"UserName": "alice"}, service="iam").fault[:2] == (404, "NoSuchEntity")
    assert daypass.call(root, "CreateUser", {"UserName": "alice"}, service="iam").status == 200


def test_a_closed_account_s_credentials_all_stop_working_while_the_server_runs(daypass: InProcess) -> None:
    root = new_account(daypass.directory, OTHER)
    session = daypass.call(root, "GetFederationToken", {"Name": "Bob"}).key
    for key in (root, session):
        assert daypass.call(key, "GetCallerIdentity").status == 200
    closed = account_command(daypass.directory, "close", OTHER, "--yes")
    assert (closed.exit_code, closed.output) == (0, f"Closed account {OTHER}.\n")
    for key in (root, session):
        _wait_until_refused(daypass, key)
    assert "closed" in account_command(daypass.directory, "list").output
    assert daypass.call(daypass.root, "GetCallerIdentity").status == 200


def test_what_the_operator_did_is_on_record_and_holds_no_secret(daypass: InProcess) -> None:
    root = new_account(daypass.directory, OTHER)
    account_command(daypass.directory, "policy", "attach", "full", "--full-access", "--account", OTHER)
    account_command(daypass.directory, "policy", "detach", "full")
    account_command(daypass.directory, "policy", "detach", "full")
    account_command(daypass.directory, "close", OTHER, "--yes")
    done = [(each["action"], each["resource"]) for each in daypass.audit() if each["caller_type"] == "operator"]
    assert done == [
        ("daypass:CreateAccount", f"arn:aws:iam::{OTHER}:root"),
        ("daypass:AttachControlPolicy", f"full to {OTHER}"),
        ("daypass:DetachControlPolicy", "full"),
        ("daypass:CloseAccount", f"arn:aws:iam::{OTHER}:root"),
    ]
    assert root.secret not in (daypass.directory / "audit.jsonl").read_text()


def test_a_key_is_not_shown_that_could_not_be_put_on_record(daypass: InProcess) -> None:
    log = daypass.directory / "audit.jsonl"
    log.rename(log.with_name("audit.1"))
    log.mkdir()
    refused = account_command(daypass.directory, "create", "--account-id", OTHER)
    assert refused.exit_code == 1
    assert "could not be recorded" in refused.output
    assert "AWS_SECRET_ACCESS_KEY" not in refused.output
    log.rmdir()


def test_closing_asks_first(daypass: InProcess) -> None:
    new_account(daypass.directory, OTHER)
    assert account_command(daypass.directory, "close", OTHER, stdin="n\n").exit_code == 1
    assert "open" in account_command(daypass.directory, "list").output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "--account-id", "12"), "not twelve digits"),
        (("create", "--account-id", ACCOUNT), "there is an account"),
        (("close", ACCOUNT, "--yes"), "management account"),
        (("close", THIRD, "--yes"), "there is no account"),
        (("policy", "attach", "p", "--all"), "a document, or --full-access"),
        (("policy", "attach", "p", "--full-access"), "--account N or --all"),
        (("policy", "attach", "p", "--full-access", "--all", "--account", OTHER), "--account N or --all"),
        (("policy", "attach", "p", "--full-access", "--account", THIRD), "there is no account"),
        (("policy", "attach", "p", "--full-access", "--account", ACCOUNT), "no control policy ever applies to it"),
        (("policy", "attach", "p", "--full-access", "--all", "--kind", "resource-control"), "only deny"),
        (("policy", "detach", "p"), "there is no control policy"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    daypass: InProcess, arguments: tuple[str, ...], why: str
) -> None:
    refused = account_command(daypass.directory, *arguments)
    assert refused.exit_code != 0
    assert why in refused.output
    assert len(json.loads(account_command(daypass.directory, "list", "--json").output)) == 1
    assert account_command(daypass.directory, "policy", "list", "--json").output == "[]\n"


@pytest.mark.parametrize(
    ("document", "kind", "why"),
    [
        ({"Statement": []}, "service-control", "is no service control policy"),
        (allow("s3:*", Principal="*"), "service-control", "is no service control policy"),
        (allow("s3:*"), "resource-control", "is no resource control policy"),
        (allow("s3:*", Principal="*"), "resource-control", "each of its statements must be a Deny"),
    ],
)
def test_a_document_that_is_no_control_policy_of_its_kind_is_refused(
    daypass: InProcess, document: object, kind: str, why: str
) -> None:
    refused = attach(daypass.directory, "p", document, "--all", "--kind", kind)
    assert refused.exit_code == 1
    assert why in refused.output


def test_a_list_of_what_is_forbidden_needs_full_access_beside_it(daypass: InProcess) -> None:
    new_account(daypass.directory, OTHER)
    alone = attach(daypass.directory, "no-s3", DENY_S3, "--account", OTHER)
    assert alone.exit_code == 0
    assert "Nothing is allowed" in alone.stderr
    beside = account_command(daypass.directory, "policy", "attach", "full", "--full-access", "--account", OTHER)
    assert beside.exit_code == 0
    assert beside.stderr == ""
    listed = json.loads(account_command(daypass.directory, "policy", "list", "--json").output)
    assert [(one["Name"], one["Kind"], one["AccountId"]) for one in listed] == [
        ("full", "service-control", OTHER),
        ("no-s3", "service-control", OTHER),
    ]
    assert listed[1]["Document"] == DENY_S3
    assert (
        account_command(daypass.directory, "policy", "list").output.splitlines()[0] == f"full  service-control  {OTHER}"
    )


def test_a_service_control_policy_holds_for_the_member_s_root_too_until_it_is_detached(daypass: InProcess) -> None:
    root = new_account(daypass.directory, OTHER)
    no_users = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "iam:CreateUser", "Resource": "*"}}
    account_command(daypass.directory, "policy", "attach", "full", "--full-access", "--all")
    attach(daypass.directory, "no-users", no_users, "--all")
    status, code, message = _wait_for(daypass, root, 403)
    assert (status, code) == (403, "AccessDenied")
    assert str(message).endswith("with an explicit deny in a service control policy")
    assert daypass.call(daypass.root, "CreateUser", {"UserName": "x"}, service="iam").status == 200, "management"
    assert account_command(daypass.directory, "policy", "detach", "no-users").exit_code == 0
    _wait_for(daypass, root, 200)


def _wait_until_refused(daypass: InProcess, key: Key) -> None:
    until(lambda: daypass.call(key, "GetCallerIdentity").status == 403)
    assert daypass.call(key, "GetCallerIdentity").fault[:2] == (403, "InvalidClientTokenId")


def _wait_for(daypass: InProcess, key: Key, status: int) -> tuple[int, str | None, str | None]:
    until(lambda: daypass.call(key, "CreateUser", {"UserName": f"u{status}"}, service="iam").status == status)
    return daypass.call(key, "CreateUser", {"UserName": f"v{status}"}, service="iam").fault
