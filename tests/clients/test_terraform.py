"""Terraform's AWS provider, unmodified: a configuration of identities applied, applied again, changed and destroyed.

A plan after each must find nothing to change: all that was written must be read back as it was.

Source: the provider's documentation; Terraform's `plan -detailed-exitcode`, which is 2 where something differs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.sdks import PREPARE_SECONDS, RUN_SECONDS, Sdk, execute
from support.server import REGION, Daypass

pytestmark = pytest.mark.clients("terraform")

# Where machines keep providers that were fetched before; without one of these the registry is asked.
MIRRORS = ("/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/tf-plugins")


def _initialise(source: Path, target: Path) -> None:
    shutil.copy(source / "main.tf", target / "main.tf")
    mirrors = "".join(f'  filesystem_mirror {{ path = "{path}" }}\n' for path in MIRRORS if Path(path).is_dir())
    installation = f"provider_installation {{\n{mirrors}}}\n" if mirrors else ""
    (target / "terraform.rc").write_text(f"disable_checkpoint = true\n{installation}")
    execute(["terraform", f"-chdir={target}", "init", "-input=false"], _settings(target), PREPARE_SECONDS)


def _settings(target: Path) -> dict[str, str]:
    return {"TF_CLI_CONFIG_FILE": str(target / "terraform.rc"), "TF_IN_AUTOMATION": "1"}


TERRAFORM = Sdk(
    "terraform",
    ("terraform",),
    _initialise,
    lambda source, target: None,
    lambda source, target: ["terraform", f"-chdir={target}"],
)


@pytest.fixture
def terraform(daypass: Daypass, tmp_path: Path) -> Callable[..., str]:
    """`terraform …` on a state of this test's own: what it printed."""
    target = TERRAFORM.prepared()
    environment = {
        "AWS_ENDPOINT_URL": daypass.url,
        "AWS_REGION": REGION,
        **daypass.root.environment(),
        **_settings(target),
    }
    state = f"-state={tmp_path / 'terraform.tfstate'}"

    def run(command: str, *options: str) -> str:
        whole = [*TERRAFORM.command(TERRAFORM.source, target), command, state, "-no-color", *options]
        return execute(whole, environment, RUN_SECONDS)

    return run


def test_a_configuration_of_identities_changes_what_it_says_once_and_then_nothing(
    terraform: Callable[..., str], daypass: Daypass
) -> None:
    account = daypass.account_id
    terraform("apply", "-auto-approve", "-input=false")
    assert "No changes." in terraform("plan", "-detailed-exitcode", "-input=false")
    assert json.loads(terraform("output", "-json"))["found"]["value"] == {
        "account": account,
        "role": f"arn:aws:iam::{account}:role/terraform/terraform-worker",
        "duration": 3600,
        "roles": [f"arn:aws:iam::{account}:role/terraform/terraform-worker"],
        "user": f"arn:aws:iam::{account}:user/terraform/terraform-user",
        "group": f"arn:aws:iam::{account}:group/terraform/terraform-staff",
        "profile": f"arn:aws:iam::{account}:instance-profile/terraform-box",
    }

    changed = "-var=revision=2"
    terraform("apply", "-auto-approve", "-input=false", changed)
    assert "No changes." in terraform("plan", "-detailed-exitcode", "-input=false", changed)
    iam = daypass.client("iam", daypass.root)
    user = iam.get_user(UserName="terraform-user")["User"]
    assert user["Path"] == "/moved/"
    assert "PermissionsBoundary" not in user
    role = iam.get_role(RoleName="terraform-worker")["Role"]
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "revision 2")
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
    assert sorted(trusted) == sorted([user["Arn"], account])
    versions = iam.list_policy_versions(PolicyArn=f"arn:aws:iam::{account}:policy/terraform/terraform-reading")
    assert [version["VersionId"] for version in versions["Versions"] if version["IsDefaultVersion"]] == ["v2"]

    terraform("destroy", "-auto-approve", "-input=false", changed)
    for left in (
        iam.list_users(PathPrefix="/moved/")["Users"],
        iam.list_roles(PathPrefix="/terraform/")["Roles"],
        iam.list_groups(PathPrefix="/terraform/")["Groups"],
        iam.list_policies(Scope="Local", PathPrefix="/terraform/")["Policies"],
    ):
        assert left == []
