"""Managing identity providers with the AWS CLI, unmodified, given only an endpoint and keys.

Source: AWS CLI Command Reference, `aws iam`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.commands import aws_command, aws_environment
from support.saml_metadata import metadata, signer
from support.server import Daypass


def aws(daypass: Daypass, *arguments: str) -> Any:
    done = aws_command("iam", *arguments, environment=aws_environment(daypass, daypass.root))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_an_openid_connect_provider_is_made_changed_and_removed(daypass: Daypass) -> None:
    arn = aws(
        *(daypass, "create-open-id-connect-provider", "--url", "https://cli.example.com/realm"),
        *("--client-id-list", "one", "--thumbprint-list", "a" * 40, "--tags", "Key=team,Value=red"),
    )["OpenIDConnectProviderArn"]
    named = ("--open-id-connect-provider-arn", arn)
    aws(daypass, "add-client-id-to-open-id-connect-provider", *named, "--client-id", "two")
    read = aws(daypass, "get-open-id-connect-provider", *named)
    assert (read["Url"], read["ClientIDList"], read["Tags"]) == (
        "cli.example.com/realm",
        ["one", "two"],
        [{"Key": "team", "Value": "red"}],
    )
    aws(daypass, "delete-open-id-connect-provider", *named)
    assert {"Arn": arn} not in aws(daypass, "list-open-id-connect-providers")["OpenIDConnectProviderList"]


def test_a_saml_provider_is_made_from_a_file_and_removed(daypass: Daypass, tmp_path: Path) -> None:
    document = metadata(signer())
    (tmp_path / "metadata.xml").write_text(document, encoding="utf-8")
    passed = f"file://{tmp_path}/metadata.xml"
    arn = aws(daypass, "create-saml-provider", "--name", "cli", "--saml-metadata-document", passed)["SAMLProviderArn"]
    assert aws(daypass, "get-saml-provider", "--saml-provider-arn", arn)["SAMLMetadataDocument"] == document
    aws(daypass, "delete-saml-provider", "--saml-provider-arn", arn)
    assert arn not in [listed["Arn"] for listed in aws(daypass, "list-saml-providers")["SAMLProviderList"]]
