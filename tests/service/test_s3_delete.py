from __future__ import annotations

import pytest

from daypass.service import s3_delete
from daypass.service.s3_delete import Deletion
from daypass.wire.s3_address import PATH_STYLE, Addressing
from support.s3_exchanges import exchange


def read(document: str) -> tuple[Deletion, ...]:
    asked = exchange("POST", "/bucket?delete", {"content-md5": "of the document"}, document=document.encode())
    return s3_delete.read(asked).deletions


@pytest.mark.parametrize(
    ("version", "code"), [("<VersionId>3</VersionId>", None), ("<VersionId></VersionId>", "InvalidArgument")]
)
def test_an_object_is_deleted_in_the_version_that_is_named_or_not_at_all(version: str, code: str | None) -> None:
    """A store that took an empty version for none would delete the object, which is s3:DeleteObject."""
    (deletion,) = read(f"<Delete><Object><Key>k</Key>{version}</Object></Delete>")
    failure = s3_delete.unservable(deletion, "bucket", PATH_STYLE)
    assert (None if failure is None else failure.code) == code


def test_each_object_needs_the_permission_for_what_is_done_to_it() -> None:
    asked = exchange("POST", "/bucket?delete", {"x-amz-bypass-governance-retention": "true"})
    plain, version, matched = read(
        "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>3</VersionId></Object>"
        "<Object><Key>c</Key><ETag>e</ETag></Object></Delete>"
    )
    assert [check.action for check in s3_delete.checks(asked, plain, PATH_STYLE)] == [
        "s3:DeleteObject",
        "s3:BypassGovernanceRetention",
    ]
    assert s3_delete.checks(asked, version, PATH_STYLE)[0].action == "s3:DeleteObjectVersion"
    assert s3_delete.checks(asked, version, PATH_STYLE)[0].context["s3:versionid"] == "3"
    assert "s3:GetObject" in [check.action for check in s3_delete.checks(asked, matched, PATH_STYLE)]


def test_a_key_that_some_stores_take_for_another_must_be_allowed_as_both() -> None:
    asked = exchange("POST", "/bucket?delete")
    (deletion,) = read("<Delete><Object><Key>/a//b</Key></Object></Delete>")
    both = ["arn:aws:s3:::bucket//a//b", "arn:aws:s3:::bucket/a/b"]
    assert [check.resource for check in s3_delete.checks(asked, deletion, PATH_STYLE)] == both
    literal = Addressing(keeps_dots=lambda _: True)
    assert [check.resource for check in s3_delete.checks(asked, deletion, literal)] == both[:1]
