"""The sealed token: golden bytes, what opens and what does not."""

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daypass import limits
from daypass.names import Secret
from daypass.token import (
    FORMAT,
    KEY_BYTES,
    SALT_BYTES,
    ExpiredToken,
    InvalidToken,
    KeyRing,
    Session,
    TokenTooLarge,
    open_token,
    seal,
    utilization_percent,
)
from support.values import replace

VECTORS = Path(__file__).parents[1] / "vectors" / "tokens.json"
RING = KeyRing({1: bytes(range(32)), 7: b"\x07" * 32}, current=7)
SALT = bytes(range(100, 124))
ISSUED = datetime(2026, 9, 30, 8, 43, 17, tzinfo=UTC)
NOW = ISSUED + timedelta(minutes=5)
BOB = Session(
    kind="federated-user",
    account_id="123456789012",
    access_key_id="ASIARZDAMPV3EXAMPLE7",
    secret=Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    name="Bob",
    issuer_id="AIDARZDAMPV3EXAMPLE77",
    issued=ISSUED,
    expires=ISSUED + timedelta(hours=12),
)
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
SESSIONS = {
    "a session without policy": BOB,
    "a session with an inline policy, a managed policy and tags": replace(
        BOB,
        session_policy=POLICY,
        policy_arns=("arn:aws:iam::123456789012:policy/Read",),
        tags={"Team": "red", "project": ""},
    ),
    "a session whose policy is deflated": replace(BOB, session_policy=POLICY + " " * 1500),
    "a role session with everything that a session can bring": replace(
        BOB,
        kind="role-session",
        name="jan",
        issuer_id="AROARZDAMPV3EXAMPLE77",
        session_policy=POLICY,
        policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
        tags={"Team": "red"},
        transitive_tags=("Team",),
        source_identity="ann",
        mfa_authenticated=ISSUED,
        scope_policies=(POLICY, POLICY),
        context={"aws:federatedprovider": "idp.example.com", "idp.example.com:amr": ("pwd", "mfa")},
    ),
    "a user's session with MFA": replace(BOB, kind="user-session", name="", mfa_authenticated=ISSUED),
    "a root session for a task": replace(
        BOB,
        kind="root-task",
        name="",
        issuer_id="123456789012",
        policy_arns=("arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy",),
    ),
}


@pytest.mark.parametrize("row", json.loads(VECTORS.read_text()), ids=lambda row: row["name"])
def test_the_golden_bytes_of_every_format_still_open(row: dict[str, str]) -> None:
    assert open_token(row["token"], RING, NOW) == SESSIONS[row["name"]]


@pytest.mark.parametrize("row", json.loads(VECTORS.read_text()), ids=lambda row: row["name"])
def test_sealing_gives_the_golden_bytes(row: dict[str, str]) -> None:
    if row.get("compressed_by") not in (None, zlib.ZLIB_RUNTIME_VERSION):
        pytest.skip("another zlib may deflate to other bytes; that they open is tested above")
    assert seal(SESSIONS[row["name"]], RING, SALT) == row["token"]


def test_the_format_and_the_key_id_stand_in_the_clear_and_are_authenticated() -> None:
    sealed = bytearray(base64.b64decode(seal(BOB, RING, SALT)))
    assert sealed[0] == FORMAT
    assert int.from_bytes(sealed[1:5]) == RING.current
    assert bytes(sealed[5:29]) == SALT
    same_keys = KeyRing({7: b"\x07" * 32, 8: b"\x07" * 32}, current=8)
    sealed[4] = 8  # the key under the other id is the same: only the authenticated header can tell
    with pytest.raises(InvalidToken):
        open_token(base64.b64encode(sealed).decode(), same_keys, NOW)


def test_a_secret_computable_from_the_token_the_secret_is_not_readable_in_it() -> None:
    token = seal(BOB, RING, SALT)
    for text in (BOB.secret.reveal(), BOB.access_key_id, BOB.name, BOB.issuer_id):
        assert text.encode() not in base64.b64decode(token)
        assert text not in token
    other = seal(replace(BOB, secret=Secret("A" * 40)), RING, SALT)
    assert other != token, "the secret is an input of the token, not a function of it"


def test_a_self_signed_session_token_sealed_under_a_foreign_key_is_refused() -> None:
    foreign = KeyRing({7: b"\x08" * 32}, current=7)
    with pytest.raises(InvalidToken):
        open_token(seal(BOB, foreign, SALT), RING, NOW)


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_refused(position: int, bit: int) -> None:
    sealed = bytearray(base64.b64decode(seal(BOB, RING, SALT)))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(InvalidToken):
        open_token(base64.b64encode(sealed).decode(), RING, NOW)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda b: base64.b64encode(b).decode())))
def test_whatever_the_text_it_is_refused_as_invalid_and_nothing_else(raw: str) -> None:
    with pytest.raises(InvalidToken):
        open_token(raw, RING, NOW)


def test_one_session_has_one_token_text() -> None:
    token = seal(replace(BOB, name="Bobb"), RING, SALT)
    assert token.endswith("=")
    last = token.rstrip("=")[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = token.rstrip("=")[:-1] + alphabet[alphabet.index(last) ^ 1] + "=" * token.count("=")
    assert base64.b64decode(twin) == base64.b64decode(token)
    with pytest.raises(InvalidToken):
        open_token(twin, RING, NOW)


def test_a_session_is_over_at_its_expiry_itself() -> None:
    token = seal(BOB, RING, SALT)
    assert open_token(token, RING, BOB.expires - timedelta(microseconds=1)) == BOB
    with pytest.raises(ExpiredToken):
        open_token(token, RING, BOB.expires)


def test_an_old_key_on_the_ring_still_opens_what_it_sealed_and_a_removed_one_does_not() -> None:
    token = seal(BOB, KeyRing({1: bytes(range(32))}, current=1), SALT)
    assert open_token(token, RING, NOW) == BOB
    with pytest.raises(InvalidToken):
        open_token(token, KeyRing({7: b"\x07" * 32}, current=7), NOW)


@given(minimum=st.integers(0, limits.TOKEN_BYTES))
def test_a_token_has_at_least_the_size_asked_for_and_at_most_a_base64_group_more(minimum: int) -> None:
    plain = len(seal(BOB, RING, SALT))
    token = seal(BOB, RING, SALT, minimum_bytes=minimum)
    assert max(minimum, plain) <= len(token) <= max(minimum + 3, plain)
    assert len(token) <= limits.TOKEN_BYTES
    assert open_token(token, RING, NOW) == BOB


def test_the_largest_policy_of_plain_text_fits_and_what_does_not_fit_says_how_large_it_is() -> None:
    assert len(seal(replace(BOB, session_policy=POLICY.ljust(2048)), RING, SALT)) <= limits.TOKEN_BYTES
    noise = {f"{n:03}" + base64.b64encode(bytes((n * k * k) % 251 for k in range(90))).decode(): "" for n in range(50)}
    with pytest.raises(TokenTooLarge) as caught:
        seal(replace(BOB, tags=noise), RING, SALT)
    assert caught.value.size > limits.TOKEN_BYTES


def test_a_percentage_by_integer_division_never_hides_an_excess() -> None:
    assert utilization_percent(limits.TOKEN_BYTES) == 100
    assert utilization_percent(limits.TOKEN_BYTES + 4) == 101
    assert utilization_percent(4) == 1


def test_a_token_with_a_field_that_this_version_does_not_know_is_refused() -> None:
    import msgspec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    fields = ["federated-user", "123456789012", "ASIARZDAMPV3EXAMPLE7", "s" * 40, "Bob", "AIDA", 0, 2**31]
    header = bytes((FORMAT,)) + (7).to_bytes(4) + SALT

    def sealed(extra: list[object]) -> str:
        body = msgspec.msgpack.encode(fields + extra)
        key = RING.derive(7, b"daypass session token v1", SALT)
        text = header + AESGCM(key).encrypt(bytes(12), len(body).to_bytes(2) + body, header)
        return base64.b64encode(text).decode()

    assert open_token(sealed([]), RING, NOW).name == "Bob"
    with pytest.raises(InvalidToken):
        open_token(sealed([None, False, "only on Tuesdays"]), RING, NOW)


def test_a_key_ring_shows_no_key_and_refuses_a_wrong_one() -> None:
    assert repr(RING) == "KeyRing(ids=[1, 7], current=7)"
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing({1: b"short"}, current=1)
    with pytest.raises(ValueError, match="current"):
        KeyRing({1: bytes(KEY_BYTES)}, current=2)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="salt"):
        seal(BOB, RING, bytes(SALT_BYTES - 1))
