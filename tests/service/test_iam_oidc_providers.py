"""service.iam.oidc_providers through boto3.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import refusal

THUMBPRINT = "b" * 40


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:oidc-provider/{name}"


def missing(provider: str) -> tuple[int, str, str]:
    return 404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {provider}"


def test_a_provider_is_made_read_listed_and_removed(iam: Any, name: str) -> None:
    made = iam.create_open_id_connect_provider(
        Url=f"https://{name}.example.com/path",
        ClientIDList=["client-id-1"],
        ThumbprintList=[THUMBPRINT.upper()],
        Tags=[{"Key": "team", "Value": "red"}],
    )
    provider = made["OpenIDConnectProviderArn"]
    assert provider == arn(f"{name}.example.com/path")
    assert made["Tags"] == [{"Key": "team", "Value": "red"}]
    read = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    assert {key: read[key] for key in ("Url", "ClientIDList", "ThumbprintList", "Tags")} == {
        "Url": f"{name}.example.com/path",
        "ClientIDList": ["client-id-1"],
        "ThumbprintList": [THUMBPRINT],
        "Tags": [{"Key": "team", "Value": "red"}],
    }
    assert {"Arn": provider} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    assert refusal(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=provider) == missing(provider)
    assert refusal(iam.delete_open_id_connect_provider, OpenIDConnectProviderArn=provider) == (
        404,
        "NoSuchEntity",
        f"OpenId connect Provider {provider} cannot be found.",
    )


def test_a_url_is_taken_once(iam: Any, name: str) -> None:
    url = f"https://{name}.example.com"
    iam.create_open_id_connect_provider(Url=url)
    assert refusal(iam.create_open_id_connect_provider, Url=url) == (
        409,
        "EntityAlreadyExists",
        f"Provider with url {url} already exists.",
    )


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "http://example.org",
        "HTTPS://example.org",
        "https://",
        "https:///path",
        "https://user@example.org",
        "https://example.org?query",
        "https://example.org?",
        "https://example.org#fragment",
        "https://example.org/with space",
        "https://example.org:port",
        "https://example.org:0",
        "https://example.org:70000",
        "https://[::1]",
        "https://exa\tmple.org",
        "https://exämple.org",
        "https://aws",
        "https://sts/",
    ],
)
def test_what_is_no_issuer_is_refused(iam: Any, url: str) -> None:
    assert refusal(iam.create_open_id_connect_provider, Url=url) == (
        400,
        "ValidationError",
        "Invalid Open ID Connect Provider URL",
    )


def test_lists_that_are_too_long_are_refused(iam: Any, name: str) -> None:
    url = f"https://{name}.example.com"
    thumbprints = [f"{number:040}" for number in range(6)]
    assert refusal(iam.create_open_id_connect_provider, Url=url, ThumbprintList=thumbprints) == (
        400,
        "InvalidInput",
        "Thumbprint list must contain fewer than 5 entries.",
    )
    clients = [f"client-{number}" for number in range(101)]
    assert refusal(iam.create_open_id_connect_provider, Url=url, ClientIDList=clients) == (
        409,
        "LimitExceeded",
        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
    )
    assert refusal(iam.create_open_id_connect_provider, Url=url, ThumbprintList=["z" * 40])[1] == "InvalidInput"


def test_client_ids_and_thumbprints_are_changed(iam: Any, name: str) -> None:
    provider = iam.create_open_id_connect_provider(
        Url=f"https://{name}.example.com", ClientIDList=["a"], ThumbprintList=[THUMBPRINT]
    )["OpenIDConnectProviderArn"]
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="b")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="a")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=provider, ThumbprintList=["c" * 40, "d" * 40]
    )
    read = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    assert (read["ClientIDList"], read["ThumbprintList"]) == (["b"], ["c" * 40, "d" * 40])


def test_tags_are_put_listed_in_pages_and_removed(iam: Any, name: str) -> None:
    provider = iam.create_open_id_connect_provider(Url=f"https://{name}.example.com")["OpenIDConnectProviderArn"]
    iam.tag_open_id_connect_provider(
        OpenIDConnectProviderArn=provider, Tags=[{"Key": f"k{n}", "Value": f"v{n}"} for n in range(3)]
    )
    first = iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider, MaxItems=2)
    assert ([tag["Key"] for tag in first["Tags"]], first["IsTruncated"]) == (["k0", "k1"], True)
    rest = iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider, Marker=first["Marker"])
    assert ([tag["Key"] for tag in rest["Tags"]], rest["IsTruncated"]) == (["k2"], False)
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=provider, TagKeys=["k0", "k1"])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)["Tags"] == [{"Key": "k2", "Value": "v2"}]
    many = [{"Key": f"more-{n}", "Value": ""} for n in range(50)]
    assert refusal(iam.tag_open_id_connect_provider, OpenIDConnectProviderArn=provider, Tags=many) == (
        409,
        "LimitExceeded",
        "The number of tags has reached the maximum limit.",
    )


CALLS: dict[str, dict[str, Any]] = {
    "get_open_id_connect_provider": {},
    "update_open_id_connect_provider_thumbprint": {"ThumbprintList": [THUMBPRINT]},
    "add_client_id_to_open_id_connect_provider": {"ClientID": "a"},
    "remove_client_id_from_open_id_connect_provider": {"ClientID": "a"},
    "tag_open_id_connect_provider": {"Tags": [{"Key": "a", "Value": "b"}]},
    "untag_open_id_connect_provider": {"TagKeys": ["a"]},
    "list_open_id_connect_provider_tags": {},
}


@pytest.mark.parametrize("call", CALLS)
def test_a_provider_that_is_not_there_or_of_another_account_is_missing(iam: Any, call: str) -> None:
    for provider in (arn("none.example.com"), arn("none.example.com", "999988887777")):
        refused = refusal(getattr(iam, call), OpenIDConnectProviderArn=provider, **CALLS[call])
        assert refused == missing(provider)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 20,
        f"arn:aws:iam::{ACCOUNT}:saml-provider/x",
        f"arn:aws:iam::{ACCOUNT}:oidc-provider/",
        f"arn:aws-cn:iam::{ACCOUNT}:oidc-provider/x",
    ],
)
def test_what_is_no_arn_of_a_provider_is_refused(iam: Any, text: str) -> None:
    assert refusal(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=text) == (
        400,
        "InvalidInput",
        f"ARN {text} is not valid.",
    )


def test_permission_is_asked_on_the_provider_and_its_tags(iam_server: InProcess, iam: Any, name: str) -> None:
    """Service Authorization Reference: oidc-provider, aws:ResourceTag, aws:RequestTag, aws:TagKeys."""
    url = f"https://{name}.example.com"
    provider = arn(f"{name}.example.com")
    creator = client(iam_server, iam_server.user(name, allow("iam:CreateOpenIDConnectProvider", provider)))
    tags = [{"Key": "team", "Value": "red"}]
    assert "iam:TagOpenIDConnectProvider" in refusal(creator.create_open_id_connect_provider, Url=url, Tags=tags)[2]
    assert refusal(creator.create_open_id_connect_provider, Url=f"{url}.org")[1] == "AccessDenied"
    creator.create_open_id_connect_provider(Url=url)
    red = {"StringEquals": {"aws:ResourceTag/team": "red"}}
    reader = client(iam_server, iam_server.user(f"{name}-r", allow("iam:GetOpenIDConnectProvider", "*", Condition=red)))
    assert refusal(reader.get_open_id_connect_provider, OpenIDConnectProviderArn=provider)[1] == "AccessDenied"
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=provider, Tags=tags)
    assert reader.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)["Tags"] == tags
    assert refusal(reader.list_open_id_connect_providers)[1] == "AccessDenied"
