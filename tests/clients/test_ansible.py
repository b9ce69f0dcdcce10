"""Ansible's amazon.aws modules, unmodified: a playbook of identities applied twice, and taken away twice.

The second run of each must find nothing to change: all that was written must be read back as it was.

Source: the modules' own documentation; Ansible's rule that a module changes nothing where nothing differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from support.sdks import ANSIBLE, RUN_SECONDS, execute
from support.server import REGION, Daypass, allow

pytestmark = pytest.mark.clients("ansible")

MADE = [
    "managed policy",
    "user",
    "group",
    "role",
    "instance profile",
    "inline policy of the user",
    "inline policy of the group",
    "inline policy of the role",
]
GONE = ["no instance profile", "no role", "no inline policy of the group", "no group", "no user", "no managed policy"]


@pytest.fixture(scope="module")
def play(daypass: Daypass) -> Callable[[str], list[str]]:
    """Runs the playbook towards `present` or `absent`; the tasks that changed something, in order."""
    target = ANSIBLE.prepared()
    keys = daypass.new_user("ansible-runs", allow("*", "*"))
    environment = {
        "AWS_ENDPOINT_URL": daypass.url,
        "AWS_REGION": REGION,
        **keys.environment(),
        "ANSIBLE_COLLECTIONS_PATH": str(target),
        "ANSIBLE_HOME": str(target / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": str(target / "venv" / "bin" / "python"),
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "LC_ALL": "C.UTF-8",
    }

    def run(wanted: str) -> list[str]:
        arn = f"arn:aws:iam::{daypass.account_id}:user/ansible-runs"
        command = [
            *ANSIBLE.command(ANSIBLE.source, target),
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            f"wanted={wanted} caller_arn={arn}",
        ]
        said = execute(command, environment, RUN_SECONDS)
        return re.findall(r"^TASK \[(.*?)\] \**\nchanged: ", said, re.MULTILINE)

    return run


def test_a_playbook_of_identities_changes_what_it_says_once_and_then_nothing(
    play: Callable[[str], list[str]], daypass: Daypass
) -> None:
    assert play("present") == MADE
    assert play("present") == []
    iam = daypass.client("iam", daypass.root)
    assert iam.get_user(UserName="ansible-user")["User"]["Path"] == "/ansible/"
    assert [user["UserName"] for user in iam.get_group(GroupName="ansible-group")["Users"]] == ["ansible-user"]
    assert iam.get_role(RoleName="ansible-role")["Role"]["MaxSessionDuration"] == 7200

    assert play("absent") == GONE
    assert play("absent") == []
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="ansible-role")
