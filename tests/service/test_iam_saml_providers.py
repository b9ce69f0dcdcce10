"""service.iam.saml_providers through boto3.

Answers and texts: LocalStack's AWS-validated IAM snapshots of February 2026, unless a test says otherwise.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from support.api import ACCOUNT, InProcess, allow
from support.boto3_in_process import client
from support.iam import refusal
from support.saml_metadata import metadata, signer

DOCUMENT = metadata(signer())


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:saml-provider/{name}"


def missing(provider: str) -> tuple[int, str, str]:
    return 404, "NoSuchEntity", f"Manifest not found for arn {provider}"


def test_a_provider_is_made_read_changed_listed_and_removed(iam: Any, name: str) -> None:
    made = iam.create_saml_provider(Name=name, SAMLMetadataDocument=DOCUMENT)
    provider = made["SAMLProviderArn"]
    assert provider == arn(name)
    read = iam.get_saml_provider(SAMLProviderArn=provider)
    assert read["SAMLMetadataDocument"] == DOCUMENT
    assert (read["AssertionEncryptionMode"], read["PrivateKeyList"], read["Tags"]) == ("Allowed", [], [])
    assert "ValidUntil" not in read
    later = metadata(signer("another"), attributes=' validUntil="2099-01-01T00:00:00Z"')
    assert iam.update_saml_provider(SAMLProviderArn=provider, SAMLMetadataDocument=later)["SAMLProviderArn"] == provider
    changed = iam.get_saml_provider(SAMLProviderArn=provider)
    until = datetime(2099, 1, 1, tzinfo=UTC)
    assert (changed["SAMLMetadataDocument"], changed["ValidUntil"]) == (later, until)
    assert changed["SAMLProviderUUID"] == read["SAMLProviderUUID"]
    listed = {"Arn": provider, "ValidUntil": until, "CreateDate": read["CreateDate"]}
    assert listed in iam.list_saml_providers()["SAMLProviderList"]
    iam.delete_saml_provider(SAMLProviderArn=provider)
    for call in (iam.get_saml_provider, iam.delete_saml_provider, iam.update_saml_provider):
        assert refusal(call, SAMLProviderArn=provider) == missing(provider)


def test_a_name_is_taken_once(iam: Any, name: str) -> None:
    iam.create_saml_provider(Name=name, SAMLMetadataDocument=DOCUMENT)
    assert refusal(iam.create_saml_provider, Name=name, SAMLMetadataDocument=DOCUMENT) == (
        409,
        "EntityAlreadyExists",
        f"Provider with name {name} already exists.",
    )


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("x" * 1000, "Could not parse metadata: it is not well-formed XML"),
        (
            metadata(signer(), before="<!DOCTYPE x>"),
            "Could not parse metadata: it has a document type declaration",
        ),
        (
            metadata(signer(), attributes=' validUntil="2020-01-01T00:00:00Z"'),
            "the metadata document has expired (`validUntil`)",
        ),
    ],
)
def test_what_is_no_metadata_is_refused(iam: Any, name: str, document: str, text: str) -> None:
    refused = refusal(iam.create_saml_provider, Name=name, SAMLMetadataDocument=document)
    assert refused == (400, "InvalidInput", text)
    assert refusal(iam.get_saml_provider, SAMLProviderArn=arn(name)) == missing(arn(name))


@pytest.mark.parametrize("more", [{"AddPrivateKey": "key"}, {"AssertionEncryptionMode": "Required"}])
def test_encrypted_assertions_are_refused_and_not_ignored(iam: Any, name: str, more: dict[str, str]) -> None:
    refused = refusal(iam.create_saml_provider, Name=name, SAMLMetadataDocument=DOCUMENT, **more)
    assert refused[:2] == (400, "InvalidInput")
    assert "encrypted assertions are not served" in refused[2]
    iam.create_saml_provider(Name=name, SAMLMetadataDocument=DOCUMENT, AssertionEncryptionMode="Allowed")
    assert refusal(iam.update_saml_provider, SAMLProviderArn=arn(name), **more)[1] == "InvalidInput"
    removing = {"RemovePrivateKey": "A" * 22}
    assert refusal(iam.update_saml_provider, SAMLProviderArn=arn(name), **removing)[1] == "InvalidInput"


def test_tags_are_put_listed_and_removed(iam: Any, name: str) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    assert iam.create_saml_provider(Name=name, SAMLMetadataDocument=DOCUMENT, Tags=tags)["Tags"] == tags
    iam.tag_saml_provider(SAMLProviderArn=arn(name), Tags=[{"Key": "A", "Value": "2"}])
    iam.untag_saml_provider(SAMLProviderArn=arn(name), TagKeys=["B"])
    assert iam.list_saml_provider_tags(SAMLProviderArn=arn(name))["Tags"] == [{"Key": "A", "Value": "2"}]


def test_permission_is_asked_on_the_provider(iam_server: InProcess, iam: Any, name: str) -> None:
    iam.create_saml_provider(Name=name, SAMLMetadataDocument=DOCUMENT)
    reader = client(iam_server, iam_server.user(name, allow("iam:*SAMLProvider", arn(name))))
    assert reader.get_saml_provider(SAMLProviderArn=arn(name))["SAMLMetadataDocument"] == DOCUMENT
    denied = refusal(reader.get_saml_provider, SAMLProviderArn=arn("other"))
    assert denied[1] == "AccessDenied"
    assert f"iam:GetSAMLProvider on resource: {arn('other')}" in denied[2]
    assert refusal(reader.list_saml_providers)[1] == "AccessDenied"
