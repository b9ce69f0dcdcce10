"""Who calls: every fault's answer in both services, the attacks on a trust decision, and what is kept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daypass import names
from daypass.errors import ServiceError
from daypass.names import Secret
from daypass.policy import PrincipalKind
from daypass.service.authenticate import Authenticator, _Recent, service_error
from daypass.service.caller import Caller
from daypass.service.ports import User
from daypass.token import KEY_BYTES, ROLE_SESSION, ROOT_TASK, SALT_BYTES, USER_SESSION, KeyRing, Session, seal
from daypass.wire import sigv4
from daypass.wire.http import RawRequest
from daypass.wire.sigv4 import Fault, SignatureFault
from support.memory import MemoryIdentities
from support.signing import (
    AT,
    HOST,
    Credentials,
    header_signed,
    payload_hash,
    query_signed,
    raw_request,
    sha256,
    with_authorization,
    with_header,
)
from support.values import replace

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SESSION_SECRET = "c2Vzc2lvbiBzZWNyZXQgb2YgZm9ydHkgY2hhcnM"
RING = KeyRing({1: b"\x01" * KEY_BYTES}, 1)
FOREIGN_RING = KeyRing({1: b"\x02" * KEY_BYTES}, 1)
SERVICES = ("sts", "iam", "s3")


@dataclass
class World:
    """One account with root and alice, another with mallory, and an Authenticator over them."""

    identities: MemoryIdentities = field(default_factory=MemoryIdentities)
    regions: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for account_id in (ACCOUNT, OTHER_ACCOUNT):
            self.identities.add_account(account_id)
        self.alice = self.identities.add_user(ACCOUNT, "alice", path="/team/")
        self.mallory = self.identities.add_user(OTHER_ACCOUNT, "mallory")
        self.alice_key = self.key_of(ACCOUNT, self.alice.user_id)
        self.root_key = self.key_of(ACCOUNT, ACCOUNT)
        self.mallory_key = self.key_of(OTHER_ACCOUNT, self.mallory.user_id)
        self.authenticator = Authenticator(self.identities, RING, self.regions)

    def key_of(self, account_id: str, owner_id: str) -> Credentials:
        return Credentials(self.identities.add_access_key(account_id, owner_id, SECRET).access_key_id, SECRET)

    def session(self, issuer_id: str | None = None, *, ring: KeyRing = RING, **changes: Any) -> Credentials:
        """Credentials of Bob, issued by alice at AT for an hour unless said otherwise."""
        access_key_id = self.identities.make_id(names.TEMPORARY_KEY, ACCOUNT)
        fields: dict[str, Any] = {
            "kind": "federated-user",
            "account_id": ACCOUNT,
            "access_key_id": access_key_id,
            "secret": Secret(SESSION_SECRET),
            "name": "Bob",
            "issuer_id": issuer_id or self.alice.user_id,
            "issued": AT,
            "expires": AT + timedelta(hours=1),
        }
        token = seal(Session(**{**fields, **changes}), ring, access_key_id.encode().ljust(SALT_BYTES, b"\x00"))
        return Credentials(access_key_id, SESSION_SECRET, token)

    def recreate_alice(self) -> User:
        del self.identities.users[self.alice.user_id]
        return self.identities.add_user(ACCOUNT, "alice", path="/team/")

    def caller(self, request: RawRequest) -> Caller:
        claim = sigv4.read_claim(request)
        assert claim is not None
        return asyncio.run(self.authenticator.authenticate(request, claim, payload_hash(request)))

    def refusal(self, request: RawRequest) -> ServiceError:
        with pytest.raises(ServiceError) as raised:
            self.caller(request)
        return raised.value


@pytest.fixture
def world() -> World:
    return World()


# ---- who it is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("signed", [header_signed, query_signed])
def test_a_user_s_key_makes_the_user_the_caller(world: World, service: str, signed: Callable[..., RawRequest]) -> None:
    caller = world.caller(signed(world.alice_key, service))
    assert caller.principal.kind is PrincipalKind.USER
    assert caller.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/team/alice"
    assert (caller.principal.account_id, caller.principal.unique_id) == (ACCOUNT, world.alice.user_id)
    assert (caller.principal.issuer_arn, caller.principal.issuer_id) == (None, None)
    assert (caller.user_id, caller.access_key_id) == (world.alice.user_id, world.alice_key.access_key_id)
    assert (caller.account.account_id, caller.user, caller.session) == (ACCOUNT, world.alice, None)


def test_a_root_key_makes_root_the_caller(world: World) -> None:
    caller = world.caller(header_signed(world.root_key, "sts"))
    assert caller.principal.kind is PrincipalKind.ROOT
    assert (caller.principal.arn, caller.principal.account_id) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    assert caller.principal.unique_id is None
    assert (caller.user_id, caller.user, caller.session) == (ACCOUNT, None, None)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("signed", [header_signed, query_signed])
def test_a_session_s_key_makes_the_federated_user_the_caller_and_names_who_issued_it(
    world: World, service: str, signed: Callable[..., RawRequest]
) -> None:
    credentials = world.session()
    caller = world.caller(signed(credentials, service))
    assert caller.principal.kind is PrincipalKind.FEDERATED_USER
    assert caller.principal.arn == f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
    assert caller.principal.unique_id is None
    assert (caller.principal.issuer_arn, caller.principal.issuer_id) == (world.alice.arn, world.alice.user_id)
    assert (caller.user_id, caller.access_key_id) == (f"{ACCOUNT}:Bob", credentials.access_key_id)
    assert caller.user == world.alice
    assert caller.session is not None
    assert caller.session.name == "Bob"


def test_a_session_that_root_issued_names_root_as_its_issuer(world: World) -> None:
    caller = world.caller(header_signed(world.session(ACCOUNT), "s3"))
    assert (caller.principal.issuer_arn, caller.principal.issuer_id) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
    assert caller.user is None


def test_any_well_formed_region_will_do_unless_the_valid_ones_are_listed(world: World) -> None:
    assert world.caller(header_signed(world.alice_key, "sts", region="moon-base-1")).user == world.alice
    listed = World(regions=frozenset({"eu-west-1", "eu-north-1"}))
    assert listed.caller(header_signed(listed.alice_key, "sts", region="eu-west-1")).user == listed.alice
    for service, code in (("sts", "SignatureDoesNotMatch"), ("s3", "AuthorizationHeaderMalformed")):
        refusal = listed.refusal(header_signed(listed.alice_key, service, region="us-east-1"))
        assert refusal.code == code
    assert refusal.details == {"Region": "eu-north-1"}


# ---- every fault and its answer in both services -----------------------------------------------------------

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors/sigv4_errors.json").read_text(encoding="utf-8")
)
Case = Callable[[World, str], RawRequest]


def in_header(change: Callable[[RawRequest], RawRequest], **how: Any) -> Case:
    return lambda world, service: change(header_signed(world.alice_key, service, **how))


def in_query(**parameters: str) -> Case:
    named = {f"X-Amz-{name}": value for name, value in parameters.items()}
    return lambda world, service: query_signed(world.alice_key, service, parameters=named)


def authorized(value: bytes) -> Case:
    return lambda _, __: raw_request("GET", b"/", b"", ((b"host", HOST.encode()), (b"authorization", value)), b"")


def rewritten(pattern: str, replacement: str) -> Case:
    return in_header(lambda request: with_authorization(request, pattern, replacement))


def without(name: bytes) -> Case:
    return in_header(lambda request: with_header(request, name, lambda _: None))


def as_is(request: RawRequest) -> RawRequest:
    return request


def inactive(world: World, service: str) -> RawRequest:
    world.identities.change_access_key(world.alice_key.access_key_id, active=False)
    return header_signed(world.alice_key, service)


def recreated(world: World, service: str) -> RawRequest:
    credentials = world.session()
    world.recreate_alice()
    return header_signed(credentials, service)


def damaged(world: World, service: str) -> RawRequest:
    credentials = world.session()
    assert credentials.token is not None
    middle = len(credentials.token) // 2
    other = "A" if credentials.token[middle] != "A" else "B"
    token = credentials.token[:middle] + other + credentials.token[middle + 1 :]
    return header_signed(replace(credentials, token=token), service)


def of_a_service_without_a_form(world: World, service: str) -> RawRequest:
    request = header_signed(world.alice_key, service)
    authorization = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE, SignedHeaders=host, Signature={'0' * 64}"
    return with_header(request, b"authorization", lambda _: authorization.encode())


CASES: dict[tuple[str, str], Case] = {
    ("BROKEN_ESCAPE", "a broken escape in the query string"): in_header(as_is, query=b"a=%zz"),
    ("TWO_LOCATIONS", "a signature in the header and one in the query string"): in_header(
        lambda request: replace(request, query=b"X-Amz-Algorithm=AWS4-HMAC-SHA256")
    ),
    ("REPEATED_HEADER", "two Host headers"): in_header(
        lambda request: replace(request, headers=((b"host", b"h"), *request.headers))
    ),
    ("TOO_LONG", "an Authorization header of 9,000 bytes"): rewritten("Signature=", "Signature=" + "0" * 9000),
    ("ALGORITHM", "another scheme in the header"): authorized(b"Bearer eyJhbGciOi"),
    ("SIGV4A", "SigV4A in the header"): rewritten("HMAC-SHA256", "ECDSA-P256-SHA256"),
    ("SIGV2", "Signature Version 2 in the header"): authorized(b"AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="),
    ("SIGV2", "Signature Version 2 in the query string"): lambda world, service: raw_request(
        "GET",
        b"/",
        b"AWSAccessKeyId=AKIDEXAMPLE&Signature=abc&" + (b"Expires=1" if service == "s3" else b"SignatureVersion=2"),
        (),
        b"",
    ),
    ("HEADER_COMPONENT", "a component without an equal sign"): rewritten("Credential=", "not valid"),
    ("HEADER_PARTS", "no Credential in the header"): rewritten("Credential=", "Kredential="),
    ("HEADER_PARTS", "an empty header and no date"): authorized(b"AWS4-HMAC-SHA256 a=b"),
    ("HEADER_DATE_ABSENT", "no date"): without(b"x-amz-date"),
    ("QUERY_ALGORITHM_ABSENT", "no X-Amz-Algorithm in the query string"): in_query(Algorithm=""),
    ("QUERY_ALGORITHM", "another X-Amz-Algorithm"): in_query(Algorithm="AWS4-HMAC-SHA512"),
    ("SIGV4A", "SigV4A in the query string"): in_query(Algorithm="AWS4-ECDSA-P256-SHA256"),
    ("QUERY_PARTS", "no X-Amz-Date in the query string"): in_query(Date=""),
    ("QUERY_PARTS", "no X-Amz-Expires in the query string"): in_query(Expires=""),
    ("CONTENT_HASH_ABSENT", "no x-amz-content-sha256"): without(b"x-amz-content-sha256"),
    ("HOST_NOT_SIGNED", "Host not signed"): rewritten("host;", ""),
    ("HEADERS_NOT_SIGNED", "an x-amz header not signed"): in_header(
        lambda request: replace(request, headers=(*request.headers, (b"x-amz-acl", b"public-read")))
    ),
    ("HEADER_DATE", "a date in another form"): in_header(
        lambda request: with_header(request, b"x-amz-date", lambda _: b"noon")
    ),
    ("QUERY_DATE", "an X-Amz-Date in another form"): in_query(Date="noon"),
    ("EXPIRES", "an X-Amz-Expires that is no number"): in_query(Expires="soon"),
    ("EXPIRES", "an X-Amz-Expires over a week"): in_query(Expires="604801"),
    ("TOO_OLD", "signed an hour ago"): in_header(as_is, received=AT + timedelta(hours=1)),
    ("TOO_NEW", "signed an hour ahead"): in_header(as_is, received=AT - timedelta(hours=1)),
    ("PRESIGNED_OVER", "presigned for a minute, two minutes ago"): lambda world, service: query_signed(
        world.alice_key, service, received=AT + timedelta(minutes=2), parameters={"X-Amz-Expires": "60"}
    ),
    ("HEADER_CREDENTIAL", "a credential of one part"): of_a_service_without_a_form,
    ("QUERY_CREDENTIAL", "a credential of one part in the query string"): in_query(Credential="AKIDEXAMPLE"),
    ("HEADER_SCOPE", "a region in no known form"): rewritten("us-east-1", "US_EAST"),
    ("HEADER_SCOPE", "a service that is not served"): rewritten("/(sts|iam)/", "/ec2/"),
    ("HEADER_SCOPE", "another terminator"): rewritten("aws4_request", "aws5_request"),
    ("HEADER_SCOPE", "another day"): rewritten("20260101", "20251231"),
    ("HEADER_SCOPE", "region, service, terminator and day wrong"): rewritten(
        "20260101/us-east-1/(sts|iam)/aws4_request", "20251231/us_east_1/ec2/aws5_request"
    ),
    ("QUERY_SCOPE", "a region in no known form in the query string"): lambda world, service: query_signed(
        world.alice_key, service, region="US_EAST"
    ),
    ("TOKEN_INVALID", "a damaged token"): damaged,
    ("TOKEN_INVALID", "a token beside a long-term key"): lambda world, service: header_signed(
        replace(world.alice_key, token=world.session().token), service
    ),
    ("TOKEN_EXPIRED", "an expired token"): lambda world, service: header_signed(
        world.session(expires=AT - timedelta(seconds=1)), service
    ),
    ("ACCESS_KEY", "an unknown access key"): lambda world, service: header_signed(
        Credentials("AKIAIOSFODNN7EXAMPLE", SECRET), service
    ),
    ("ACCESS_KEY", "an inactive access key"): inactive,
    ("ACCESS_KEY", "a temporary key without its token, with a wrong signature"): lambda world, service: header_signed(
        replace(world.session(), token=None, secret="wrong"), service
    ),
    ("ACCESS_KEY", "the token of another key"): lambda world, service: header_signed(
        replace(world.session(), token=world.session().token), service
    ),
    ("ACCESS_KEY", "a session whose user was deleted and created again"): recreated,
    ("SIGNATURE", "a wrong secret"): lambda world, service: header_signed(
        replace(world.alice_key, secret="wrong"), service
    ),
    ("SIGNATURE", "a good token and a wrong secret"): lambda world, service: header_signed(
        replace(world.session(), secret="wrong"), service
    ),
    ("SIGNATURE", "a body that is not the one signed"): in_header(lambda request: replace(request, body=b"other")),
    ("SIGNATURE", "UNSIGNED-PAYLOAD"): lambda world, service: signed_unsigned_payload(world),
}


def signed_unsigned_payload(world: World) -> RawRequest:
    headers = (
        (b"host", HOST.encode()),
        (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
        (b"x-amz-date", b"20260101T120000Z"),
    )
    authorization = sigv4.sign(
        "POST",
        b"/",
        b"",
        headers,
        "UNSIGNED-PAYLOAD",
        world.alice_key.access_key_id,
        Secret(SECRET),
        "us-east-1",
        "sts",
        AT,
    )
    return raw_request("POST", b"/", b"", (*headers, (b"authorization", authorization.encode())), b"Action=x")


def answer_to(world: World, request: RawRequest, service: str) -> tuple[Fault | None, ServiceError]:
    """What the edge answers: a fault in reading the claim is worded at once, everything else by authenticate."""
    try:
        claim = sigv4.read_claim(request)
    except SignatureFault as fault:
        return fault.fault, service_error(fault, service)
    assert claim is not None
    return None, world.refusal(request)


def error_as_row(error: ServiceError) -> list[Any]:
    return [error.code, error.status, error.message]


ANSWERS = [
    pytest.param(row, service, id=f"{row['case']}, {service}")
    for row in ROWS
    for service in SERVICES
    if row["case"] != "no signature" and row["s3" if service == "s3" else "sts"] is not None
]


@pytest.mark.parametrize(("row", "service"), ANSWERS)
def test_a_fault_has_each_service_s_own_answer(world: World, row: dict[str, Any], service: str) -> None:
    expected = row["s3" if service == "s3" else "sts"]
    request = CASES[row["fault"], row["case"]](world, service)
    fault, error = answer_to(world, request, service)
    authorization = (request.header(b"authorization") or "").encode("latin-1")
    hashed = base64.b64encode(hashlib.sha256(authorization).digest()).decode()
    message = None if expected[2] is None else expected[2].replace("{hash}", hashed)
    assert error_as_row(error) == [expected[0], expected[1], message]
    assert error.fault == "Sender"
    if fault is not None:
        assert fault.name == row["fault"]
    elements = row["s3_elements"] if service == "s3" else None
    if elements is not None:
        assert error.details.keys() == elements.keys()
        for name, value in elements.items():
            if value == "{key}":
                assert error.details[name] in (request.header(b"authorization") or "")
            elif value != "…":
                assert error.details[name] == value


def test_every_fault_has_a_row_and_every_row_a_case() -> None:
    assert {row["fault"] for row in ROWS} == {fault.name for fault in Fault}
    assert {(row["fault"], row["case"]) for row in ROWS} - {("MISSING", "no signature")} == CASES.keys()
    assert all(row["source"] and row["s3_source"] for row in ROWS)


@pytest.mark.parametrize("service", SERVICES)
def test_no_signature_where_one_is_needed_has_each_service_s_own_answer(service: str) -> None:
    expected = ROWS[0]["s3" if service == "s3" else "sts"]
    assert error_as_row(service_error(SignatureFault(Fault.MISSING), service)) == expected


def test_outside_s3_neither_an_expiry_nor_a_declared_hash_nor_signed_x_amz_headers_are_demanded(world: World) -> None:
    for case in (
        ("QUERY_PARTS", "no X-Amz-Expires in the query string"),
        ("HEADERS_NOT_SIGNED", "an x-amz header not signed"),
        ("CONTENT_HASH_ABSENT", "no x-amz-content-sha256"),
    ):
        assert world.caller(CASES[case](world, "sts")).user == world.alice


# ---- the order of faults -----------------------------------------------------------------------------------


def test_a_wrong_scope_is_reported_before_an_unknown_key(world: World) -> None:
    unknown = Credentials("AKIAIOSFODNN7EXAMPLE", SECRET)
    refusal = world.refusal(header_signed(unknown, "sts", region="US_EAST"))
    assert refusal.message == "Credential should be scoped to a valid region. "


def test_a_damaged_token_is_reported_before_a_wrong_signature(world: World) -> None:
    request = with_authorization(damaged(world, "sts"), "Signature=.*", "Signature=" + "0" * 64)
    assert world.refusal(request).message == "The security token included in the request is invalid"


def test_a_signature_of_another_time_is_reported_before_a_damaged_token(world: World) -> None:
    request = replace(damaged(world, "sts"), received=AT + timedelta(hours=1))
    with pytest.raises(SignatureFault) as raised:
        sigv4.read_claim(request)
    assert raised.value.fault is Fault.TOO_OLD


def test_an_expired_token_is_reported_before_that_it_is_of_another_key(world: World) -> None:
    expired = world.session(expires=AT)
    assert world.refusal(header_signed(replace(world.session(), token=expired.token), "sts")).code == "ExpiredToken"


# ---- attacks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_a_self_signed_session_token_opens_nothing(world: World, service: str) -> None:
    forged = world.session(ring=FOREIGN_RING)
    assert world.refusal(header_signed(forged, service)).code == (
        "InvalidToken" if service == "s3" else "InvalidClientTokenId"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_a_credential_of_another_account_does_not_speak_for_this_one(world: World, service: str) -> None:
    # A key whose record says one account and whose owner is of another; a session likewise.
    crossed_key = world.key_of(ACCOUNT, world.mallory.user_id)
    crossed_session = world.session(world.mallory.user_id)
    crossed_root = world.session(OTHER_ACCOUNT)
    for credentials in (crossed_key, crossed_session, crossed_root):
        refusal = world.refusal(header_signed(credentials, service))
        assert refusal.code == ("InvalidAccessKeyId" if service == "s3" else "InvalidClientTokenId")


def test_a_credential_of_another_account_is_a_caller_of_that_account_only(world: World) -> None:
    caller = world.caller(header_signed(world.mallory_key, "s3"))
    assert (caller.account.account_id, caller.principal.account_id) == (OTHER_ACCOUNT, OTHER_ACCOUNT)


def test_the_token_of_another_key_does_not_serve_even_with_that_token_s_secret(world: World) -> None:
    mine, theirs = world.session(), world.session(name="Carol")
    mixed = Credentials(mine.access_key_id, theirs.secret, theirs.token)
    assert (
        world.refusal(header_signed(mixed, "sts")).message == "The security token included in the request is invalid."
    )


def test_a_re_created_user_revives_neither_old_sessions_nor_old_keys(world: World) -> None:
    session = world.session()
    assert world.caller(header_signed(session, "s3")).user == world.alice
    again = world.recreate_alice()
    assert again.arn == world.alice.arn
    for credentials in (session, world.alice_key):
        assert world.refusal(header_signed(credentials, "s3")).code == "InvalidAccessKeyId"
        assert world.refusal(header_signed(credentials, "sts")).code == "InvalidClientTokenId"


def test_a_caller_seen_before_is_known_again_until_its_user_or_account_changes(world: World) -> None:
    credentials = (world.alice_key, world.session())
    before = [world.caller(header_signed(each, "s3")) for each in credentials]
    assert [world.caller(header_signed(each, "sts")) for each in credentials] == before
    changed = world.identities.users[world.alice.user_id] = replace(world.alice, tags={"Team": "red"})
    after = [world.caller(header_signed(each, "s3")) for each in credentials]
    assert all(caller.user is changed for caller in after)
    account = world.identities.accounts[ACCOUNT] = replace(world.identities.accounts[ACCOUNT])
    assert all(world.caller(header_signed(each, "s3")).account is account for each in credentials)


@pytest.mark.parametrize("service", SERVICES)
def test_credentials_of_an_account_that_is_gone_open_nothing(world: World, service: str) -> None:
    credentials = (world.session(), world.session(ACCOUNT), world.alice_key, world.root_key)
    for each in credentials:
        world.caller(header_signed(each, service))
    del world.identities.accounts[ACCOUNT]
    for each in credentials:
        refusal = world.refusal(header_signed(each, service))
        assert refusal.code == ("InvalidAccessKeyId" if service == "s3" else "InvalidClientTokenId")


def test_a_session_of_a_kind_that_is_not_known_here_opens_nothing(world: World) -> None:
    assert world.refusal(header_signed(world.session(kind="of-tomorrow"), "s3")).code == "InvalidToken"


def test_a_role_session_is_the_role_s_under_the_session_s_name(world: World) -> None:
    role = world.identities.add_role(ACCOUNT, "Reader", path="/team/")
    caller = world.caller(header_signed(world.session(role.role_id, kind=ROLE_SESSION, name="jan"), "s3"))
    assert caller.principal.kind is PrincipalKind.ROLE_SESSION
    assert caller.principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/jan"
    assert (caller.principal.issuer_arn, caller.principal.issuer_id) == (role.arn, role.role_id)
    assert caller.user_id == f"{role.role_id}:jan"
    assert (caller.role, caller.user) == (role, None)


def test_a_user_s_session_is_the_user_and_a_root_task_is_the_account_s_root(world: World) -> None:
    alice = world.caller(header_signed(world.session(kind=USER_SESSION, name=""), "sts"))
    assert alice.principal == world.caller(header_signed(world.alice_key, "sts")).principal
    assert alice.user_id == world.alice.user_id
    for kind in (USER_SESSION, ROOT_TASK):
        root = world.caller(header_signed(world.session(ACCOUNT, kind=kind, name=""), "sts"))
        assert root.principal == world.caller(header_signed(world.root_key, "sts")).principal
        assert (root.user_id, root.user, root.role) == (ACCOUNT, None, None)


def test_a_re_created_role_revives_no_old_session(world: World) -> None:
    role = world.identities.add_role(ACCOUNT, "Reader")
    session = world.session(role.role_id, kind=ROLE_SESSION, name="jan")
    world.caller(header_signed(session, "s3"))
    del world.identities.roles[role.role_id]
    world.identities.add_role(ACCOUNT, "Reader")
    for signed, code in (
        ("s3", "InvalidAccessKeyId"),
        ("sts", "InvalidClientTokenId"),
        ("iam", "InvalidClientTokenId"),
    ):
        assert world.refusal(header_signed(session, signed)).code == code
        # Before the signature: whoever holds the token learns nothing of the secret.
        wrong = Credentials(session.access_key_id, "another secret", session.token)
        assert world.refusal(header_signed(wrong, signed)).code == code


@pytest.mark.parametrize("issuer", ["a role of another account", "a user", "the role's ARN", "the account"])
def test_a_role_session_of_what_is_no_role_of_its_account_opens_nothing(world: World, issuer: str) -> None:
    role = world.identities.add_role(ACCOUNT, "Reader")
    foreign = world.identities.add_role(OTHER_ACCOUNT, "Reader")
    issuers = {
        "a role of another account": foreign.role_id,
        "a user": world.alice.user_id,
        "the role's ARN": role.arn,
        "the account": ACCOUNT,
    }
    session = world.session(issuers[issuer], kind=ROLE_SESSION, name="jan")
    assert world.refusal(header_signed(session, "sts")).code == "InvalidClientTokenId"


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_of_a_closed_account_is_known(world: World, service: str) -> None:
    role = world.identities.add_role(ACCOUNT, "Reader")
    sessions = [
        world.session(),
        world.session(ACCOUNT),
        world.session(role.role_id, kind=ROLE_SESSION, name="jan"),
        world.session(kind=USER_SESSION, name=""),
        world.session(ACCOUNT, kind=ROOT_TASK, name=""),
    ]
    account = world.identities.accounts[ACCOUNT]
    for each in (*sessions, world.alice_key, world.root_key):
        world.caller(header_signed(each, service))
    world.identities.accounts[ACCOUNT] = replace(account, closed=AT)
    for each in (*sessions, world.alice_key, world.root_key):
        refusal = world.refusal(header_signed(each, service))
        assert refusal.code == ("InvalidAccessKeyId" if service == "s3" else "InvalidClientTokenId")
    world.caller(header_signed(world.mallory_key, service))


def test_a_session_outlives_the_key_that_issued_it(world: World) -> None:
    session = world.session()
    world.identities.change_access_key(world.alice_key.access_key_id, active=False)
    assert world.caller(header_signed(session, "s3")).user == world.alice


def test_credentials_appear_in_no_repr_and_no_error(world: World) -> None:
    session = world.session()
    caller = world.caller(header_signed(session, "s3"))
    wrong = [
        header_signed(replace(session, secret="wrong"), "s3"),
        query_signed(replace(session, secret="wrong"), "s3"),
    ]
    wrong += [damaged(world, "s3"), header_signed(replace(world.alice_key, token=session.token), "s3")]
    refusals = [world.refusal(request) for request in wrong]
    shown = [repr(caller), *map(repr, refusals), *map(str, refusals)]
    shown += [value for refusal in refusals for value in refusal.details.values()]
    shown += [repr(refusal.__context__) + repr(refusal.__cause__) for refusal in refusals]
    assert session.token is not None
    for text in shown:
        for secret in (session.token, SESSION_SECRET, SECRET, session.token[:40]):
            assert secret not in text
            assert secret.encode().hex(" ") not in text


@pytest.mark.parametrize(
    "access_key_id",
    ["AKIA", "AKIA' OR '1'='1", "AKIA(uid=*)ABCDEFGH", "AKIAIOSFODNN7EXAMPL\xe9", "A" * 129, "", "%00" * 8],
)
def test_what_cannot_be_an_access_key_id_reaches_no_store(world: World, access_key_id: str) -> None:
    for service in SERVICES:
        refusal = world.refusal(query_signed(Credentials(access_key_id, SECRET), service))
        assert refusal.code in ("InvalidAccessKeyId", "InvalidClientTokenId")
        assert all(" " <= letter <= "~" for value in refusal.details.values() for letter in value)
    assert world.identities.reads == []


def test_a_declared_hash_does_not_stand_for_the_body_outside_s3(world: World) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = header_signed(
        world.alice_key, "sts", body=body, headers=((b"x-amz-content-sha256", sha256(body).encode()),)
    )
    assert world.caller(request).user == world.alice
    assert world.refusal(replace(request, body=b"Action=GetFederationToken")).code == "SignatureDoesNotMatch"


# ---- what is kept ------------------------------------------------------------------------------------------


def test_a_kept_session_is_over_when_it_is_over(world: World) -> None:
    session = world.session(expires=AT + timedelta(minutes=5))
    world.caller(header_signed(session, "s3"))
    last = AT + timedelta(minutes=5)
    assert world.caller(header_signed(session, "s3", at=last - timedelta(seconds=1))).session is not None
    assert world.refusal(header_signed(session, "s3", at=last)).code == "ExpiredToken"
    presigned = query_signed(session, "s3", received=last, parameters={"X-Amz-Expires": "86400"})
    assert world.refusal(presigned).code == "ExpiredToken"


def test_a_changed_secret_is_in_force_at_once_although_signing_keys_are_kept(world: World) -> None:
    world.caller(header_signed(world.alice_key, "sts"))
    world.identities.change_access_key(world.alice_key.access_key_id, secret="rotated")
    assert world.refusal(header_signed(world.alice_key, "sts")).code == "SignatureDoesNotMatch"
    assert world.caller(header_signed(replace(world.alice_key, secret="rotated"), "sts")).user == world.alice
    assert world.refusal(header_signed(world.alice_key, "sts")).code == "SignatureDoesNotMatch"


def test_a_signing_key_is_not_kept_for_a_signature_that_was_wrong(world: World) -> None:
    wrong = replace(world.alice_key, secret="wrong")
    for number in range(5):
        world.refusal(header_signed(wrong, "sts", region=f"region-{number}"))
    assert len(world.authenticator._signing_keys._kept) == 0


def test_what_is_kept_is_bounded_and_what_was_not_used_for_longest_goes_first() -> None:
    kept: _Recent[str, int] = _Recent(2)
    for name in ("first", "second"):
        kept.keep(name, len(name))
    assert kept.get("first") == 5
    kept.keep("third", 5)
    assert (kept.get("first"), kept.get("second"), kept.get("third")) == (5, None, 5)


def test_a_session_that_was_dropped_is_opened_again(world: World) -> None:
    sessions = [world.session(), world.session()]
    world.authenticator._sessions = _Recent(1)
    for each in (*sessions, *sessions):
        assert world.caller(header_signed(each, "s3")).access_key_id == each.access_key_id


def held(world: World, request: RawRequest) -> Caller | None:
    """The caller, where nobody has to be waited for."""
    claim = sigv4.read_claim(request)
    assert claim is not None
    return world.authenticator.held(request, claim, payload_hash(request))


def everybody(world: World) -> list[Credentials]:
    role = world.identities.add_role(ACCOUNT, "Reader")
    return [
        world.alice_key,
        world.root_key,
        world.session(),
        world.session(ACCOUNT),
        world.session(role.role_id, kind=ROLE_SESSION, name="jan"),
    ]


def test_a_caller_is_held_once_it_was_found_and_is_then_the_same(world: World) -> None:
    for each in everybody(world):
        assert held(world, header_signed(each, "s3")) is None
        found = world.caller(header_signed(each, "s3"))
        assert held(world, header_signed(each, "s3")) is found


def test_a_caller_of_whom_anything_has_changed_is_not_held(world: World) -> None:
    callers = everybody(world)
    for each in callers:
        world.caller(header_signed(each, "s3"))
    identities = world.identities
    identities.users = {key: replace(user) for key, user in identities.users.items()}
    identities.roles = {key: replace(role) for key, role in identities.roles.items()}
    assert [held(world, header_signed(each, "s3")) is None for each in callers] == [True, False, True, False, True]
    for each in callers:
        world.caller(header_signed(each, "s3"))
    identities.accounts = {key: replace(account, closed=AT) for key, account in identities.accounts.items()}
    assert [held(world, header_signed(each, "s3")) for each in callers] == [None] * len(callers)


def test_a_session_is_held_beside_its_own_key_alone_and_until_it_is_over(world: World) -> None:
    session, other = world.session(expires=AT + timedelta(minutes=5)), world.session()
    for each in (session, other):
        world.caller(header_signed(each, "s3"))
    assert held(world, header_signed(replace(session, token=other.token), "s3")) is None
    assert held(world, header_signed(session, "s3", at=AT + timedelta(minutes=5))) is None


def test_a_held_caller_s_wrong_signature_is_refused_as_it_always_is(world: World) -> None:
    for each in everybody(world):
        world.caller(header_signed(each, "s3"))
        wrong = header_signed(replace(each, secret="wrong"), "s3")
        with pytest.raises(ServiceError) as raised:
            held(world, wrong)
        assert (raised.value.code, raised.value.message) == (world.refusal(wrong).code, world.refusal(wrong).message)
