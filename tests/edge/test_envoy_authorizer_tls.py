"""A real Envoy that asks an authorizer over TLS, with the lines that docs/proxies/envoy_authorizer_tls.yaml shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import pytest
from botocore.exceptions import ClientError

from support.backends import Backend, free_port
from support.certificates import Certified, certified
from support.envoy import CONFIGURATION, NO_ENVOY, Envoy, envoy_binary, envoy_in_front, replaced
from support.server import Daypass, client, running

pytestmark = pytest.mark.skipif(envoy_binary() is None, reason=NO_ENVOY)

BUCKET = "behind-envoy-over-tls"
TOKEN = "a-token-of-more-than-thirty-two-characters"
LINES = CONFIGURATION.with_name("envoy_authorizer_tls.yaml")
NAME = "spiffe://daypass.test/envoy"

SERVERS, ASKERS, OTHERS = (certified(name, authority=True) for name in ("servers", "askers", "others"))
AUTHORIZER = certified("authorizer", issuer=SERVERS, hosts=("authorizer.internal",))
ENVOY = certified("envoy", issuer=ASKERS, hosts=(NAME,))


class Place(NamedTuple):
    daypass: Daypass
    envoy: Callable[..., AbstractContextManager[Envoy]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[Place]:
    """The authorizer asks for the token as well."""
    directory, port = tmp_path_factory.mktemp("envoy-tls"), free_port()
    certificate, key = AUTHORIZER.write(directory, "authorizer")
    (directory / "askers.pem").write_bytes(ASKERS.pem)
    options = (
        *("--authorizer-listen", f"127.0.0.1:{port}", "--authorizer-client-name", NAME),
        *("--authorizer-tls-certificate", str(certificate), "--authorizer-tls-key", str(key)),
        *("--authorizer-client-ca", str(directory / "askers.pem")),
    )
    environment = {"DAYPASS_AUTHORIZER_TOKEN": TOKEN}
    with running(directory / "data", *options, backend=swift_backend, environment=environment) as daypass:

        def envoy(
            name: str, shows: Certified = ENVOY, believes: Certified = SERVERS, token: str = TOKEN
        ) -> AbstractContextManager[Envoy]:
            """An Envoy that shows that certificate and that token, and believes that authority."""
            shown, shown_key = shows.write(directory, name)
            (directory / f"{name}-ca.pem").write_bytes(believes.pem)
            changes = {
                "/etc/envoy/daypass/envoy.pem": str(shown),
                "/etc/envoy/daypass/envoy.key": str(shown_key),
                "/etc/envoy/daypass/authorizer_ca.pem": str(directory / f"{name}-ca.pem"),
                "address: 10.0.0.5, port_value: 8421": f"address: 127.0.0.1, port_value: {port}",
            }
            return envoy_in_front(
                directory / f"envoy-{name}",
                store=swift_backend.endpoint.removeprefix("http://"),
                gateway=daypass.url.removeprefix("http://"),
                authorizer=None,
                changed=lambda text: over_tls(text, changes, token),
            )

        daypass.client("s3", daypass.root).create_bucket(Bucket=BUCKET)
        yield Place(daypass, envoy)


def over_tls(configuration: str, changes: dict[str, str], token: str) -> str:
    """The configuration with the other cluster, and with the line for a token."""
    lines = LINES.read_text()
    for written, here in changes.items():
        lines = replaced(lines, written, here)
    before, cluster, _ = configuration.partition("    - name: daypass_authorizer ")
    assert cluster
    line = '# - { key: x-daypass-authorizer-token, value: "…" }'
    return replaced(before, line, line[2:].replace("…", token)) + lines


def test_envoy_asks_with_its_certificate_and_carries_what_is_allowed(place: Place) -> None:
    with place.envoy("good") as envoy:
        root = client(envoy.url, "s3", place.daypass.root)
        root.put_object(Bucket=BUCKET, Key="in/a b+c", Body=b"by TLS")
        assert root.get_object(Bucket=BUCKET, Key="in/a b+c")["Body"].read() == b"by TLS"
        assert envoy.routed("c", 2) == [("PUT", "daypass_store"), ("GET", "daypass_store")]
        user = client(envoy.url, "s3", place.daypass.new_user("nobody"))
        with pytest.raises(ClientError, match="AccessDenied"):
            user.get_object(Bucket=BUCKET, Key="in/a b+c")


NOT = {
    "Envoy shows a certificate of another authority": (
        {"shows": certified("envoy", issuer=OTHERS, hosts=(NAME,))},
        503,
    ),
    "Envoy shows another name": ({"shows": certified("x", issuer=ASKERS, hosts=("x.internal",))}, 503),
    "Envoy believes another authority": ({"believes": OTHERS}, 503),
    "Envoy has another token": ({"token": TOKEN[::-1]}, 403),
}


@pytest.mark.parametrize(("given", "status"), NOT.values(), ids=NOT.keys())
def test_nothing_passes_where(
    place: Place, given: dict[str, Certified | str], status: int, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id.replace(" ", "-")
    with place.envoy(name, **given) as envoy:
        root = client(envoy.url, "s3", place.daypass.root)
        with pytest.raises(ClientError) as caught:
            root.put_object(Bucket=BUCKET, Key="in/passed", Body=b"x")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    listed = place.daypass.client("s3", place.daypass.root).list_objects_v2(Bucket=BUCKET, Prefix="in/passed")
    assert listed["KeyCount"] == 0
