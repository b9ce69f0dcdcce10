"""rclone, unmodified, with credentials that are good for one prefix: what these permit works, all else is refused.

Over http and https, between which its bodies differ. Of rclone's commands and backends those are built that are used
here (tests/clients/rclone); the whole takes several times as long.

Source: rclone's documentation, "Amazon S3 Storage Providers" and "Global Flags".
"""

from __future__ import annotations

import os
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.sdks import CACHE, PREPARE_SECONDS, RUN_SECONDS, Sdk, execute
from support.server import REGION, Daypass, Keys, allow, clean_environment, policy
from support.tls_front import tls_front

pytestmark = pytest.mark.clients("rclone")

BUCKET = "s3-rclone"
MIB = 1024 * 1024
FILES = {
    "a.txt": b"a",
    "empty": b"",
    "folder/ü +%2F#?&='()*!~.txt": b"odd",
    "folder/deeper/b.bin": bytes(range(256)) * 100,
    "large.bin": os.urandom(12 * MIB + 17),  # goes up in parts
}
# Two compilations at a time: more would need more memory than small machines have.
GO = {"GOMODCACHE": str(CACHE / "gomod"), "GOCACHE": str(CACHE / "gobuild"), "GOFLAGS": "-modcacherw -trimpath -p=2"}


def _fetch(source: Path, target: Path) -> None:
    """What the program is made of: a part of what go.mod names."""
    execute(["go", "list", "-deps", "."], GO, PREPARE_SECONDS, cwd=source)


def _build(source: Path, target: Path) -> None:
    execute(["go", "build", "-o", str(target / "rclone"), "."], GO, PREPARE_SECONDS, cwd=source)


RCLONE = Sdk("rclone", ("go",), _fetch, _build, lambda source, target: [str(target / "rclone")])


@dataclass(frozen=True)
class Rclone:
    """rclone with the credentials; its remote `here:` is the server. prefix: below team/, of this scheme alone."""

    environment: Mapping[str, str]
    prefix: str

    @property
    def place(self) -> str:
        return f"here:{BUCKET}/{self.prefix}"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*RCLONE.command(RCLONE.source, RCLONE.prepared()), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def said(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def team(daypass: Daypass) -> Keys:
    """Good for everything below team/, and for nothing else."""
    RCLONE.prepared()
    owner = daypass.client("s3", daypass.root)
    owner.create_bucket(Bucket=BUCKET)
    owner.put_object(Bucket=BUCKET, Key="other/secret", Body=b"secret")
    bucket = f"arn:aws:s3:::{BUCKET}"
    issuer = daypass.new_user("rclone-issuer", allow(["s3:*", "sts:GetFederationToken"], "*"))
    session = policy(
        allow("s3:*", f"{bucket}/team/*"),
        allow("s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": "team/*"}}),
    )
    return Keys.of(daypass.client("sts", issuer).get_federation_token(Name="Team", Policy=session)["Credentials"])


@pytest.fixture(scope="module", params=["http", "https"])
def rclone(
    request: pytest.FixtureRequest, daypass: Daypass, team: Keys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rclone]:
    with tls_front(tmp_path_factory.mktemp("front"), urlsplit(daypass.url).port or 0) as front:
        here = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ACCESS_KEY_ID": team.access_key_id,
            "SECRET_ACCESS_KEY": team.secret_access_key,
            "SESSION_TOKEN": team.session_token or "",
            "ENDPOINT": daypass.url if request.param == "http" else front.url,
            "REGION": REGION,
            "NO_CHECK_BUCKET": "true",  # else it asks for the bucket to be made before it puts what is in it
            "UPLOAD_CUTOFF": "5M",
            "CHUNK_SIZE": "5M",
        }
        environment = clean_environment(
            RCLONE_CONFIG=os.devnull,
            RCLONE_CA_CERT=str(front.ca),
            RCLONE_RETRIES="1",
            RCLONE_LOW_LEVEL_RETRIES="1",
            **{f"RCLONE_CONFIG_HERE_{name}": value for name, value in here.items()},
        )
        yield Rclone(environment, f"team/{request.param}")


@pytest.fixture(scope="module")
def owner(daypass: Daypass) -> Any:
    return daypass.client("s3", daypass.root)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def keys(owner: Any, prefix: str) -> set[str]:
    return {one["Key"] for one in owner.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())}


def test_a_tree_is_mirrored_up_checked_and_copied_back_as_it_was(
    rclone: Rclone, tree: Path, owner: Any, tmp_path: Path
) -> None:
    rclone.said("sync", str(tree), f"{rclone.place}/tree")
    assert keys(owner, f"{rclone.prefix}/tree/") == {f"{rclone.prefix}/tree/{name}" for name in FILES}
    large = owner.head_object(Bucket=BUCKET, Key=f"{rclone.prefix}/tree/large.bin")
    assert large["ETag"].endswith('-3"'), "in three parts"
    listed = rclone.said("lsf", "--recursive", "--files-only", f"{rclone.place}/tree")
    assert set(listed.splitlines()) == set(FILES)
    rclone.said("check", "--download", str(tree), f"{rclone.place}/tree")
    rclone.said("copy", f"{rclone.place}/tree", str(tmp_path / "back"))
    back = {str(path.relative_to(tmp_path / "back")): path.read_bytes() for path in (tmp_path / "back").rglob("*.*")}
    assert back == {name: content for name, content in FILES.items() if "." in name}


def test_a_mirror_deletes_what_its_source_has_no_more(rclone: Rclone, owner: Any, tmp_path: Path) -> None:
    for name in ("kept", "gone"):
        (tmp_path / name).write_text(name)
    rclone.said("sync", str(tmp_path), f"{rclone.place}/mirror")
    (tmp_path / "gone").unlink()
    rclone.said("sync", str(tmp_path), f"{rclone.place}/mirror")
    assert keys(owner, f"{rclone.prefix}/mirror/") == {f"{rclone.prefix}/mirror/kept"}


def test_an_object_is_moved_within_the_prefix_by_the_store_and_deleted(rclone: Rclone, owner: Any) -> None:
    owner.put_object(Bucket=BUCKET, Key=f"{rclone.prefix}/move/a", Body=b"moved")
    rclone.said("moveto", f"{rclone.place}/move/a", f"{rclone.place}/move/b")
    assert keys(owner, f"{rclone.prefix}/move/") == {f"{rclone.prefix}/move/b"}
    assert rclone.said("cat", f"{rclone.place}/move/b") == "moved"
    rclone.said("deletefile", f"{rclone.place}/move/b")
    assert keys(owner, f"{rclone.prefix}/move/") == set()


def test_a_link_opens_the_object_that_it_was_made_for_and_no_other(rclone: Rclone, owner: Any) -> None:
    owner.put_object(Bucket=BUCKET, Key="team/link", Body=b"shared")
    url = rclone.said("link", f"here:{BUCKET}/team/link", "--expire", "5m").strip()
    trusted = ssl.create_default_context(cafile=rclone.environment["RCLONE_CA_CERT"])
    anybody = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusted))
    with anybody.open(url) as answer:
        assert answer.read() == b"shared"
    with pytest.raises(urllib.error.HTTPError) as caught:
        anybody.open(url.replace("team/link", "other/secret"))
    assert (caught.value.code, b"<Code>SignatureDoesNotMatch</Code>" in caught.value.read()) == (403, True)


REFUSED = {
    "reading": ("cat", "here:{bucket}/other/secret"),
    "copying out": ("copyto", "here:{bucket}/other/secret", "{directory}/stolen"),
    "copying within the store": ("copyto", "here:{bucket}/other/secret", "here:{bucket}/team/stolen"),
    "writing": ("copyto", "{directory}/mine", "here:{bucket}/other/mine"),
    "writing in parts": ("copyto", "{directory}/large", "here:{bucket}/other/large"),
    "listing beside": ("lsf", "here:{bucket}/other"),
    "listing above": ("lsf", "here:{bucket}"),
    "listing buckets": ("lsf", "here:"),
    "deleting": ("deletefile", "here:{bucket}/other/secret"),
}


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED.keys())
def test_outside_the_prefix_nothing_is_done(
    arguments: tuple[str, ...], rclone: Rclone, owner: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "large").write_bytes(FILES["large.bin"])
    done = rclone.run(*(text.format(bucket=BUCKET, directory=tmp_path) for text in arguments))
    assert done.returncode != 0
    assert "403" in done.stderr
    assert "secret" not in done.stdout
    assert not (tmp_path / "stolen").exists()
    assert keys(owner, "other/") == {"other/secret"}
    assert owner.get_object(Bucket=BUCKET, Key="other/secret")["Body"].read() == b"secret"
    assert "team/stolen" not in keys(owner, "team/")
