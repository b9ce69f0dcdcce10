"""Rows come from the AWS SDKs and Tools Reference Guide; boto3 is asked the same where it has an answer."""

from __future__ import annotations

from pathlib import Path

import boto3
import botocore.session
import pytest

from daypass.commands.aws_environment import AwsEnvironment, EnvironmentFault, read

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT22222", "AWS_SECRET_ACCESS_KEY": "of the environment"}

CONFIG = """
[default]
region = eu-west-1

[profile proxy]
region = eu-central-1
aws_access_key_id = AKIACONFIGFILE222222
aws_secret_access_key = 100%of(the)config

[profile lab]
region = eu-north-1
services = lab-services
endpoint_url = https://everything.lab.example

[services lab-services]
s3 =
  endpoint_url = https://s3.lab.example
sts =
  endpoint_url = https://sts.lab.example:8420

[profile plain-endpoint]
endpoint_url = https://everything.example

[profile no-endpoint]
endpoint_url = https://everything.example
ignore_configured_endpoint_urls = TRUE

[profile person]
sso_session = work
sso_account_id = 111122223333

[profile robot]
role_arn = arn:aws:iam::111122223333:role/robot
source_profile = proxy

[profile helper]
credential_process = /usr/bin/helper

[profile half]
aws_access_key_id = AKIAHALF222222222222
"""

CREDENTIALS = """
[default]
aws_access_key_id = AKIADEFAULT222222222
aws_secret_access_key = of the default profile

[lab]
aws_access_key_id = AKIALAB2222222222222
aws_secret_access_key = of the lab
aws_session_token = of the lab's session

[proxy]
aws_access_key_id = AKIACREDENTIALSFILE2
aws_secret_access_key = of the credentials file
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    (tmp_path / ".aws" / "credentials").write_text(CREDENTIALS)
    return tmp_path


def test_keys_in_the_environment_win_over_every_file(home: Path) -> None:
    found = read({**KEYS, "AWS_SESSION_TOKEN": "token", "AWS_PROFILE": "proxy"}, home)
    assert (found.access_key_id, found.secret.reveal()) == ("AKIAENVIRONMENT22222", "of the environment")
    assert found.session_token is not None
    assert found.session_token.reveal() == "token"


def test_the_credentials_file_wins_over_the_configuration_file(home: Path) -> None:
    assert read({"AWS_PROFILE": "proxy"}, home).access_key_id == "AKIACREDENTIALSFILE2"


def test_keys_in_the_configuration_file_are_found_and_a_percent_sign_means_itself(home: Path) -> None:
    (home / ".aws" / "credentials").unlink()
    found = read({"AWS_PROFILE": "proxy"}, home)
    assert (found.access_key_id, found.secret.reveal()) == ("AKIACONFIGFILE222222", "100%of(the)config")


def test_without_a_profile_the_default_one_is_read(home: Path) -> None:
    found = read({}, home)
    assert (found.access_key_id, found.region) == ("AKIADEFAULT222222222", "eu-west-1")


def test_the_default_section_leaks_into_no_other(home: Path) -> None:
    (home / ".aws" / "config").write_text("[default]\nregion = eu-west-1\n[profile proxy]\n")
    assert read({"AWS_PROFILE": "proxy"}, home).region == "us-east-1"


def test_variables_name_other_files(home: Path, tmp_path: Path) -> None:
    config, credentials = tmp_path / "c", tmp_path / "k"
    config.write_text("[default]\nregion = ap-south-1\n")
    credentials.write_text("[default]\naws_access_key_id = AKIAOTHER22222222222\naws_secret_access_key = x\n")
    found = read({"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}, home)
    assert (found.access_key_id, found.region) == ("AKIAOTHER22222222222", "ap-south-1")


REGIONS = [
    ({"AWS_REGION": "r-1", "AWS_DEFAULT_REGION": "r-2", "AWS_PROFILE": "lab"}, "r-1"),
    ({"AWS_DEFAULT_REGION": "r-2", "AWS_PROFILE": "lab"}, "r-2"),
    ({"AWS_PROFILE": "lab"}, "eu-north-1"),
    ({"AWS_PROFILE": "plain-endpoint"}, "us-east-1"),
]


@pytest.mark.parametrize(("environment", "region"), REGIONS)
def test_the_region_is_the_most_specific_one_set(environment: dict[str, str], region: str, home: Path) -> None:
    assert read({**KEYS, **environment}, home).region == region


ENDPOINTS = [
    ({"AWS_ENDPOINT_URL_STS": "http://a:1", "AWS_ENDPOINT_URL": "http://b:2", "AWS_PROFILE": "lab"}, "http://a:1"),
    ({"AWS_ENDPOINT_URL": "http://b:2", "AWS_PROFILE": "lab"}, "http://b:2"),
    ({"AWS_PROFILE": "lab"}, "https://sts.lab.example:8420"),
    ({"AWS_PROFILE": "plain-endpoint"}, "https://everything.example"),
    ({"AWS_PROFILE": "no-endpoint", "AWS_REGION": "eu-west-3"}, "https://sts.eu-west-3.amazonaws.com"),
    (
        {"AWS_PROFILE": "lab", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        "https://sts.eu-north-1.amazonaws.com",
    ),
    ({"AWS_REGION": "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn"),
]


@pytest.mark.parametrize(("environment", "endpoint"), ENDPOINTS)
def test_the_endpoint_is_the_most_specific_one_set_as_boto3_finds_it(
    environment: dict[str, str], endpoint: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read({**KEYS, **environment}, home).endpoint == endpoint

    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / ".aws" / "config"))
    for name, value in {**KEYS, **environment}.items():
        monkeypatch.setenv(name, value)
    # botocore reads the region from AWS_DEFAULT_REGION only, other SDKs from AWS_REGION.
    monkeypatch.setenv("AWS_DEFAULT_REGION", environment.get("AWS_REGION", "eu-north-1"))
    assert boto3.Session().client("sts").meta.endpoint_url == endpoint


@pytest.mark.parametrize("profile", ["default", "proxy", "lab"])
def test_boto3_finds_the_same_keys(profile: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / ".aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / ".aws" / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", profile)
    theirs = botocore.session.Session().get_credentials()
    ours = read({"AWS_PROFILE": profile}, home)
    assert theirs is not None
    assert (ours.access_key_id, ours.secret.reveal()) == (theirs.access_key, theirs.secret_key)
    assert (ours.session_token and ours.session_token.reveal()) == theirs.token


FAULTS = [
    ("nothing set", {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}, "no AWS credentials"),
    ("a secret without its id", {"AWS_SECRET_ACCESS_KEY": "x"}, "set both AWS_ACCESS_KEY_ID and"),
    ("an id without its secret", {"AWS_ACCESS_KEY_ID": "x"}, "set both AWS_ACCESS_KEY_ID and"),
    ("a profile that is nowhere", {"AWS_PROFILE": "nobody"}, "the profile `nobody` is in neither"),
    ("half a pair in a profile", {"AWS_PROFILE": "half"}, "`half` has only one of"),
    ("IAM Identity Center", {"AWS_PROFILE": "person"}, "IAM Identity Center (SSO), which is not supported"),
    ("a role", {"AWS_PROFILE": "robot"}, "a role, which is not supported"),
    ("another process", {"AWS_PROFILE": "helper"}, "a credential process, which is not supported"),
]


@pytest.mark.parametrize(("environment", "text"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_what_names_no_usable_keys_is_refused_in_words(environment: dict[str, str], text: str, home: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        read(environment, home)
    assert text in str(caught.value)


def test_a_file_that_is_not_a_configuration_is_refused_without_quoting_it(home: Path) -> None:
    (home / ".aws" / "credentials").write_text("aws_secret_access_key = very secret\n")
    with pytest.raises(EnvironmentFault) as caught:
        read({}, home)
    assert "cannot be read" in str(caught.value)
    assert "very secret" not in str(caught.value)


def test_no_secret_shows_in_a_repr(home: Path) -> None:
    found = read({"AWS_PROFILE": "lab"}, home)
    assert isinstance(found, AwsEnvironment)
    assert "of the lab" not in repr(found)
