"""service.iam.roles and service.iam.role_trust through boto3.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.api import ACCOUNT, InProcess, Key, allow
from support.boto3_in_process import client
from support.iam import DOCUMENT_TEXT, TRUST, TRUST_TEXT, policy_arn, refusal, role_arn, user_arn

NO_SUCH_ROLE = (404, "NoSuchEntity", "The role with name nobody cannot be found.")


def trusting(principal: Any) -> str:
    return json.dumps(TRUST | {"Statement": [{**TRUST["Statement"][0], "Principal": principal}]})


def trusted(iam: Any, role: str) -> Any:
    return iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]


@pytest.fixture
def role(iam: Any, name: str) -> str:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT)
    return name


@pytest.mark.parametrize("path", [None, "/", "/some/path/"])
def test_a_role_is_made_found_listed_and_removed(iam: Any, name: str, path: str | None) -> None:
    given = {"Path": path} if path else {}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT, Description="d", **given)["Role"]
    path = path or "/"
    assert {key: value for key, value in made.items() if key not in ("RoleId", "CreateDate")} == {
        "Path": path,
        "RoleName": name,
        "Arn": role_arn(name, path),
        "AssumeRolePolicyDocument": TRUST,
    }
    assert made["RoleId"].startswith("AROA")
    settings = {"Description": "d", "MaxSessionDuration": 3600}
    assert iam.get_role(RoleName=name)["Role"] == made | settings | {"RoleLastUsed": {}}
    assert made | settings in iam.list_roles(PathPrefix=path, MaxItems=1000)["Roles"]
    iam.delete_role(RoleName=name)
    assert refusal(iam.get_role, RoleName=name) == (
        404,
        "NoSuchEntity",
        f"The role with name {name} cannot be found.",
    )


def test_a_name_is_taken_in_whatever_case(iam: Any, role: str) -> None:
    for taken in (role, role.upper()):
        assert refusal(iam.create_role, RoleName=taken, Path="/x/", AssumeRolePolicyDocument=TRUST_TEXT) == (
            409,
            "EntityAlreadyExists",
            f"Role with name {taken} already exists.",
        )


@pytest.mark.parametrize(
    ("call", "more"),
    [
        ("get_role", {}),
        ("update_role", {"Description": "d"}),
        ("update_role_description", {"Description": "d"}),
        ("update_assume_role_policy", {"PolicyDocument": TRUST_TEXT}),
        ("delete_role", {}),
        ("tag_role", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_role", {"TagKeys": ["a"]}),
        ("list_role_tags", {}),
        ("put_role_policy", {"PolicyName": "p", "PolicyDocument": DOCUMENT_TEXT}),
        ("get_role_policy", {"PolicyName": "p"}),
        ("list_role_policies", {}),
        ("delete_role_policy", {"PolicyName": "p"}),
        ("attach_role_policy", {"PolicyArn": policy_arn("p")}),
        ("detach_role_policy", {"PolicyArn": policy_arn("p")}),
        ("list_attached_role_policies", {}),
        ("put_role_permissions_boundary", {"PermissionsBoundary": policy_arn("p")}),
        ("delete_role_permissions_boundary", {}),
    ],
)
def test_a_role_that_is_not_there_cannot_be_found(iam: Any, call: str, more: dict[str, Any]) -> None:
    assert refusal(getattr(iam, call), RoleName="nobody", **more) == NO_SUCH_ROLE


def test_an_update_changes_what_it_names_and_nothing_else(iam: Any, name: str) -> None:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT, Description="initial", MaxSessionDuration=43200)

    def settings() -> tuple[str, int]:
        found = iam.get_role(RoleName=name)["Role"]
        return found["Description"], found["MaxSessionDuration"]

    assert settings() == ("initial", 43200)
    iam.update_role(RoleName=name, Description="updated", MaxSessionDuration=7200)
    assert settings() == ("updated", 7200)
    changed = iam.update_role_description(RoleName=name, Description="again")["Role"]
    assert (changed["Description"], "MaxSessionDuration" in changed) == ("again", False)
    iam.update_role(RoleName=name)
    assert settings() == ("again", 7200)
    iam.update_role(RoleName=name, Description="")
    assert settings() == ("", 7200)


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_sessions_of_less_than_an_hour_or_more_than_twelve_are_no_maximum(iam: Any, name: str, seconds: int) -> None:
    refused = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT, MaxSessionDuration=seconds)
    assert refused[:2] == (400, "ValidationError")
    assert "at 'maxSessionDuration' failed to satisfy constraint" in refused[2]
    assert refusal(iam.get_role, RoleName=name)[1] == "NoSuchEntity"


def test_a_role_that_still_has_something_is_not_removed(iam: Any, role: str) -> None:
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=DOCUMENT_TEXT)
    arn = iam.create_policy(PolicyName=role, PolicyDocument=DOCUMENT_TEXT)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    conflict = (409, "DeleteConflict")
    assert refusal(iam.delete_role, RoleName=role) == (
        *conflict,
        "Cannot delete entity, must detach all policies first.",
    )
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    assert refusal(iam.delete_role, RoleName=role) == (*conflict, "Cannot delete entity, must delete policies first.")
    iam.delete_role_policy(RoleName=role, PolicyName="p")
    iam.delete_role(RoleName=role)


def test_a_service_linked_role_is_refused(iam: Any, name: str) -> None:
    """Ours: AWS's services make such roles, and none of them is here."""
    path = "/aws-service-role/example.amazonaws.com/"
    assert refusal(iam.create_role, RoleName=name, Path=path, AssumeRolePolicyDocument=TRUST_TEXT) == (
        400,
        "InvalidInput",
        f"service-linked roles are not served: `{path}` is a path of theirs",
    )
    assert refusal(iam.get_role, RoleName=name)[1] == "NoSuchEntity"


def test_roles_are_listed_below_a_path_page_by_page(iam: Any, name: str) -> None:
    for letter in ("b", "A", "c"):
        iam.create_role(RoleName=f"{letter}{name}", Path=f"/{name}/", AssumeRolePolicyDocument=TRUST_TEXT)

    def names(page: Any) -> list[str]:
        return [row["RoleName"] for row in page["Roles"]]

    first = iam.list_roles(PathPrefix=f"/{name}/", MaxItems=2)
    assert (names(first), first["IsTruncated"]) == ([f"A{name}", f"b{name}"], True)
    rest = iam.list_roles(PathPrefix=f"/{name}/", MaxItems=2, Marker=first["Marker"])
    assert (names(rest), rest["IsTruncated"]) == ([f"c{name}"], False)
    assert iam.list_roles(PathPrefix="/nonexistent-path/")["Roles"] == []


# --- trust policies ---


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("not valid json", "This policy contains invalid Json"),
        (trusting({"AWS": "arn:aws:iam::123456789012:user/nobody"}), "{}user/nobody"),
        (trusting({"AWS": "arn:aws:iam::123456789012:role/nobody"}), "{}role/nobody"),
        (trusting({"AWS": "arn:aws:sts::123456789012:assumed-role/nobody/session"}), None),
        (trusting({"AWS": "999999999999"}), None),
        (trusting({"AWS": ["123456789012", "arn:aws:iam::999999999999:root"]}), None),
        (trusting({"AWS": "AIDAIOSFODNN7EXAMPLE1"}), None),
        (trusting({"AWS": "anything"}), None),
    ],
)
def test_a_trust_policy_that_trusts_nobody_who_is_here_is_refused(
    iam: Any, role: str, document: str, message: str | None
) -> None:
    """The text of an unknown principal: many users' issues. The grammar's own tests are the policy engine's."""
    for refused in (
        refusal(iam.update_assume_role_policy, RoleName=role, PolicyDocument=document),
        refusal(iam.create_role, RoleName=f"{role}-2", AssumeRolePolicyDocument=document),
    ):
        assert refused[:2] == (400, "MalformedPolicyDocument")
        if message is None or message.startswith("{}"):
            principal = json.loads(document)["Statement"][0]["Principal"]["AWS"]
            wrong = principal if isinstance(principal, str) else principal[-1]
            assert refused[2] == f'Invalid principal in policy: "AWS":"{wrong}"'
        else:
            assert refused[2] == message
    assert trusted(iam, role) == {"AWS": ACCOUNT}
    assert refusal(iam.get_role, RoleName=f"{role}-2")[1] == "NoSuchEntity"


def test_a_trust_policy_has_2048_characters_without_white_space(iam: Any, role: str) -> None:
    """The text: many users' issues."""
    statement = {**TRUST["Statement"][0], "Sid": ""}
    document = json.dumps(TRUST | {"Statement": [statement]}, separators=(",", ":"))
    fits = document.replace('"Sid":""', f'"Sid":"{"x" * (2048 - len(document))}"')
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=fits.replace(",", ", \n"))
    assert refusal(iam.update_assume_role_policy, RoleName=role, PolicyDocument=fits.replace("xx", "xxx", 1)) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    )


def test_every_form_of_principal_comes_back_as_it_was_written(iam: Any, name: str) -> None:
    iam.create_user(UserName=name, Path="/dev/")
    iam.create_role(RoleName=name, Path="/app/", AssumeRolePolicyDocument=TRUST_TEXT)
    principal = {
        "AWS": [
            user_arn(name, "/dev/"),
            role_arn(name, "/app/"),
            f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session",
            f"arn:aws:sts::{ACCOUNT}:federated-user/Bob",
            f"arn:aws:iam::{ACCOUNT}:root",
            ACCOUNT,
            "*",
        ],
        "Service": ["ec2.amazonaws.com"],
        "Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com",
    }
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusting(principal))
    assert trusted(iam, name) == principal
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusting("*"))
    assert trusted(iam, name) == "*"


def test_a_trusted_user_that_is_made_anew_is_not_trusted_any_more(iam: Any, role: str) -> None:
    """IAM User Guide, "AWS JSON policy elements: Principal": the unique id of who is gone is shown."""
    user = f"{role}-user"
    user_id = iam.create_user(UserName=user)["User"]["UserId"]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trusting({"AWS": user_arn(user)}))
    iam.update_user(UserName=user, NewUserName=f"{user}-2", NewPath="/moved/")
    assert trusted(iam, role) == {"AWS": user_arn(f"{user}-2", "/moved/")}
    iam.delete_user(UserName=f"{user}-2")
    iam.create_user(UserName=user)
    assert trusted(iam, role) == {"AWS": user_id}
    listed = next(row for row in iam.list_roles(MaxItems=1000)["Roles"] if row["RoleName"] == role)
    assert listed["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": user_id}
    # The id of nobody cannot be written again.
    assert refusal(iam.update_assume_role_policy, RoleName=role, PolicyDocument=trusting({"AWS": user_id})) == (
        400,
        "MalformedPolicyDocument",
        f'Invalid principal in policy: "AWS":"{user_id}"',
    )


def test_a_trusted_role_may_be_named_by_its_unique_id(iam: Any, role: str) -> None:
    other = iam.create_role(RoleName=f"{role}-2", AssumeRolePolicyDocument=TRUST_TEXT)["Role"]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trusting({"AWS": other["RoleId"]}))
    assert trusted(iam, role) == {"AWS": other["Arn"]}


def test_numbers_and_letters_of_a_trust_policy_survive(iam: Any, role: str) -> None:
    condition = {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}, "StringEquals": {"aws:PrincipalTag/ü": "ß<&>"}}
    document = TRUST | {"Statement": [{**TRUST["Statement"][0], "Condition": condition}]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document, ensure_ascii=False))
    found = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
    assert found == condition | {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}


# --- tags ---


def test_a_role_is_tagged_and_untagged(iam: Any, name: str) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "B", "Value": ""}]
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST_TEXT, Tags=tags)["Role"]
    assert made["Tags"] == iam.list_role_tags(RoleName=name)["Tags"]
    assert sorted(made["Tags"], key=lambda tag: tag["Key"].lower()) == tags
    iam.tag_role(RoleName=name, Tags=[{"Key": "A", "Value": "2"}])
    iam.untag_role(RoleName=name, TagKeys=["b", "none"])
    assert iam.get_role(RoleName=name)["Role"]["Tags"] == [{"Key": "A", "Value": "2"}]
    first = iam.list_role_tags(RoleName=name, MaxItems=1)
    assert (first["Tags"], first["IsTruncated"]) == ([{"Key": "A", "Value": "2"}], False)
    listed = next(row for row in iam.list_roles(MaxItems=1000)["Roles"] if row["RoleName"] == name)
    assert "Tags" not in listed


def test_a_role_has_fifty_tags_at_most(iam: Any, role: str) -> None:
    iam.tag_role(RoleName=role, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)])
    assert refusal(iam.tag_role, RoleName=role, Tags=[{"Key": "one-more", "Value": "v"}]) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for TagsPerRole: 50",
    )
    duplicate = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refusal(iam.tag_role, RoleName=role, Tags=duplicate) == (
        400,
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )


# --- roles in use ---


def test_a_session_of_a_role_is_a_use_of_it(iam: Any, iam_server: InProcess, role: str) -> None:
    own = client(iam_server, iam_server.user(f"{role}-user", allow("sts:AssumeRole")), "sts")
    assert iam.get_role(RoleName=role)["Role"]["RoleLastUsed"] == {}
    issued = own.assume_role(RoleArn=role_arn(role), RoleSessionName="session")["Credentials"]
    session = Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"])
    client(iam_server, session, "sts").get_caller_identity()
    use = iam.get_role(RoleName=role)["Role"]["RoleLastUsed"]
    assert use["Region"] == "us-east-1"
    assert abs((datetime.now(UTC) - use["LastUsedDate"]).total_seconds()) < 60
    details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert next(row for row in details if row["RoleName"] == role)["RoleLastUsed"] == use


def test_who_takes_a_trusted_name_does_not_get_the_role(iam: Any, iam_server: InProcess, role: str) -> None:
    """The trust is in the user that had the name when the trust policy was saved."""
    user = f"{role}-user"

    def assume(key: Key) -> Any:
        return client(iam_server, key, "sts").assume_role(RoleArn=role_arn(role), RoleSessionName="session")

    key = iam_server.user(user)
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trusting({"AWS": user_arn(user)}))
    assert assume(key)["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"
    iam.delete_access_key(UserName=user, AccessKeyId=key.access_key_id)
    iam.delete_user(UserName=user)
    again = iam_server.user(user)
    with pytest.raises(ClientError) as refused:
        assume(again)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    # Saved once more, the trust is in whoever has the name now.
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trusting({"AWS": user_arn(user)}))
    assume(again)


def test_a_role_may_do_what_its_policies_and_its_boundary_allow_from_the_next_request_on(
    iam: Any, iam_server: InProcess, role: str
) -> None:
    own = client(iam_server, iam_server.user(f"{role}-user", allow("sts:AssumeRole")), "sts")
    issued = own.assume_role(RoleArn=role_arn(role), RoleSessionName="session")["Credentials"]
    session = client(iam_server, Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]))

    def may() -> bool:
        try:
            session.get_role(RoleName=role)
        except session.exceptions.ClientError as error:
            return bool(error.response["Error"]["Code"] != "AccessDenied")
        return True

    assert not may()
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(allow("iam:GetRole")))
    assert may()
    boundary = iam_server.managed_policy(f"{role}-boundary", allow("iam:ListRoles"))
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
    assert not may()
    iam.delete_role_permissions_boundary(RoleName=role)
    assert may()
    iam.delete_role_policy(RoleName=role, PolicyName="p")
    assert not may()
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    assert may()


def test_a_role_trusts_the_sessions_of_a_role_until_that_is_made_anew(
    iam: Any, iam_server: InProcess, role: str
) -> None:
    first = f"{role}-first"

    def session_of_first() -> Any:
        own = client(iam_server, iam_server.user(f"{role}-{next(numbers)}", allow("sts:AssumeRole")), "sts")
        issued = own.assume_role(RoleArn=role_arn(first), RoleSessionName="session")["Credentials"]
        return client(iam_server, Key(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"]), "sts")

    numbers = itertools.count()
    made = iam.create_role(RoleName=first, AssumeRolePolicyDocument=TRUST_TEXT)["Role"]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trusting({"AWS": made["Arn"]}))
    session_of_first().assume_role(RoleArn=role_arn(role), RoleSessionName="chained")
    iam.delete_role(RoleName=first)
    iam.create_role(RoleName=first, AssumeRolePolicyDocument=TRUST_TEXT)
    refused = refusal(session_of_first().assume_role, RoleArn=role_arn(role), RoleSessionName="chained")
    assert refused[:2] == (403, "AccessDenied")
    assert trusted(iam, role) == {"AWS": made["RoleId"]}
