"""Names: ids that encode their account, ARNs, and secrets that do not show."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass import names
from daypass.names import Arn, Secret

# Pairs of id and account seen in public AWS output.
RECORDED = {
    "AIDAXZW42VCFU3JKN5YR3": "536260290699",
    "AIDA427MDNHOTKMJGDE4D": "882574059997",
    "AIDARKEXDU3E7KD3L3CRF": "090511222473",
    "AKIATZ2X44NMCEQW46PL": "261640479576",
    "AKIAUT5AMCC2VINIQAMK": "317627044021",
    "AROAWHEOTHRFZP3NQR7WN": "427648302155",
    "AROARYWSMSYIPWMOE25U2": "121774052880",
}


@pytest.mark.parametrize(("identifier", "account_id"), RECORDED.items())
def test_the_account_is_read_from_recorded_ids(identifier: str, account_id: str) -> None:
    assert names.account_of_id(identifier) == account_id


@given(
    prefix=st.sampled_from([names.LONG_TERM_KEY, names.TEMPORARY_KEY, names.USER_ID, names.ROLE_ID]),
    account=st.integers(0, 10**12 - 1),
    entropy=st.binary(min_size=names.ID_ENTROPY_BYTES, max_size=names.ID_ENTROPY_BYTES),
)
def test_every_id_made_gives_its_account_back(prefix: str, account: int, entropy: bytes) -> None:
    identifier = names.make_id(prefix, f"{account:012d}", entropy)
    assert names.account_of_id(identifier) == f"{account:012d}"
    assert len(identifier) == (20 if prefix in ("AKIA", "ASIA") else 21)
    assert identifier[4] in "QRSTUVWXYZ234567", "AWS's ids of today have the highest bit set"


def test_the_entropy_reaches_the_id() -> None:
    ids = {
        names.make_id("AKIA", "123456789012", bytes([n, 0, 0, 0, 0, 0, 0, 0, 0, 0, m]))
        for n in range(256)
        for m in (0, 1)
    }
    assert len(ids) == 512


@pytest.mark.parametrize("identifier", ["", "AKIA", "AKIA0000000000000000", "akiatz2x44nmceqw46pl", "AKIA" + "7" * 16])
def test_what_cannot_be_an_id_has_no_account(identifier: str) -> None:
    assert names.account_of_id(identifier) is None


@pytest.mark.parametrize("bad", [("AXXX", "123456789012", 11), ("AKIA", "12", 11), ("AKIA", "123456789012", 10)])
def test_an_id_is_not_made_from_wrong_parts(bad: tuple[str, str, int]) -> None:
    with pytest.raises(ValueError, match="id"):
        names.make_id(bad[0], bad[1], bytes(bad[2]))


def test_an_arn_keeps_the_colons_and_slashes_of_its_resource() -> None:
    arn = Arn.parse("arn:aws:s3:::bucket/a:b/c")
    assert arn.resource == "bucket/a:b/c"
    assert str(arn) == "arn:aws:s3:::bucket/a:b/c"


@pytest.mark.parametrize("text", ["", "arn", "arn:aws:s3", "urn:aws:s3:::b"])
def test_what_is_no_arn_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ARN"):
        Arn.parse(text)


def test_a_secret_shows_itself_nowhere_but_in_reveal() -> None:
    secret = Secret("hunter2hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {secret!s} {secret:>40} {[secret]}"
    assert secret.reveal() == "hunter2hunter2"
    assert secret == Secret("hunter2hunter2")
    assert secret != Secret("hunter3hunter3")
    assert secret != "hunter2hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    with pytest.raises(TypeError):
        hash(secret)


def test_arns_are_spelled_as_aws_spells_them() -> None:
    assert names.root_arn("123456789012") == "arn:aws:iam::123456789012:root"
    assert names.user_arn("123456789012", "/div/", "ann") == "arn:aws:iam::123456789012:user/div/ann"
    assert names.managed_policy_arn("123456789012", "/", "Read") == "arn:aws:iam::123456789012:policy/Read"
    assert names.federated_user_arn("123456789012", "Bob") == "arn:aws:sts::123456789012:federated-user/Bob"
    assert names.object_arn("b", "k/x") == "arn:aws:s3:::b/k/x"
    assert names.bucket_arn("b") == "arn:aws:s3:::b"
