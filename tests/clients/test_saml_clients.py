"""AssumeRoleWithSAML with the AWS CLI, unmodified, given an assertion and no keys.

Source: AWS CLI Command Reference, `aws sts assume-role-with-saml`.
"""

from __future__ import annotations

import json

from support.commands import aws_command, aws_environment
from support.saml import AWS, encoded, response
from support.saml_metadata import metadata, signer
from support.server import Daypass, Keys, policy

ACTION = "sts:AssumeRoleWithSAML"


def test_an_assertion_is_traded_for_credentials_that_work(daypass: Daypass) -> None:
    iam, own = daypass.client("iam", daypass.root), signer("saml client")
    arn = iam.create_saml_provider(Name="client", SAMLMetadataDocument=metadata(own))["SAMLProviderArn"]
    trust = policy({"Effect": "Allow", "Principal": {"Federated": arn}, "Action": ACTION})
    role = iam.create_role(RoleName="saml-client", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    said = {f"{AWS}Role": [f"{role},{arn}"], f"{AWS}RoleSessionName": ["alice"]}
    environment = {"AWS_ENDPOINT_URL": daypass.url, "AWS_DEFAULT_REGION": "us-east-1"}
    call = ("sts", "assume-role-with-saml", "--role-arn", role, "--principal-arn", arn, "--saml-assertion")

    done = aws_command(*call, encoded(response(own, said)), environment=environment)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["Subject"], answer["SubjectType"]) == ("alice", "persistent")
    session = aws_environment(daypass, Keys.of(answer["Credentials"]))
    told = aws_command("sts", "get-caller-identity", environment=session)
    assert json.loads(told.stdout)["Arn"].endswith(":assumed-role/saml-client/alice")

    forged = aws_command(*call, encoded(response(signer("forger"), said)), environment=environment)
    assert "(InvalidIdentityToken)" in forged.stderr
    assert "Response signature invalid" in forged.stderr
