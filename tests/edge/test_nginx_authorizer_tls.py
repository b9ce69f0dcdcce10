"""A real nginx that asks an authorizer over TLS, with the lines that docs/proxies/nginx_authorizer_tls.conf shows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest
from botocore.exceptions import ClientError

from support.backends import Backend, free_port
from support.certificates import Certified, certified
from support.nginx import CONFIGURATION, nginx_binary, nginx_in_front
from support.server import Daypass, client, running

pytestmark = pytest.mark.skipif(nginx_binary() is None, reason="no nginx on this machine (Debian: nginx-light)")

BUCKET = "behind-nginx-over-tls"
LINES = CONFIGURATION.with_name("nginx_authorizer_tls.conf")
PLAIN = "proxy_pass http://daypass_authorizer/_daypass/nginx;"

SERVERS, ASKERS, OTHERS = (certified(name, authority=True) for name in ("servers", "askers", "others"))
AUTHORIZER = certified("authorizer", issuer=SERVERS, hosts=("authorizer.internal",))
NGINX = certified("nginx", issuer=ASKERS, hosts=("nginx.internal",))


class Place(NamedTuple):
    daypass: Daypass
    directory: Path
    nginx: Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, swift_backend: Backend) -> Iterator[Place]:
    directory, port = tmp_path_factory.mktemp("nginx-tls"), free_port()
    certificate, key = AUTHORIZER.write(directory, "authorizer")
    (directory / "askers.pem").write_bytes(ASKERS.pem)
    options = (
        *("--authorizer-listen", f"127.0.0.1:{port}", "--authorizer-client-name", "nginx.internal"),
        *("--authorizer-tls-certificate", str(certificate), "--authorizer-tls-key", str(key)),
        *("--authorizer-client-ca", str(directory / "askers.pem")),
    )
    with running(directory / "data", *options, backend=swift_backend) as daypass:

        def nginx(name: str, shows: Certified, believes: Certified) -> AbstractContextManager[str]:
            """An nginx that shows that certificate and believes that authority."""
            shown, shown_key = shows.write(directory, name)
            (directory / f"{name}-ca.pem").write_bytes(believes.pem)
            lines = LINES.read_text()
            for written, here in (
                ("/etc/nginx/daypass/nginx.pem", shown),
                ("/etc/nginx/daypass/nginx.key", shown_key),
                ("/etc/nginx/daypass/authorizer_ca.pem", directory / f"{name}-ca.pem"),
            ):
                assert f" {written};" in lines
                lines = lines.replace(f" {written};", f" {here};")
            (directory / f"{name}.conf").write_text(lines)
            return nginx_in_front(
                directory / f"nginx-{name}",
                store=swift_backend.endpoint.removeprefix("http://"),
                gateway=daypass.url.removeprefix("http://"),
                authorizer=f"127.0.0.1:{port}",
                changed=lambda text: included(text, directory / f"{name}.conf"),
            )

        daypass.client("s3", daypass.root).create_bucket(Bucket=BUCKET)
        yield Place(daypass, directory, nginx)


def included(configuration: str, lines: Path) -> str:
    assert PLAIN in configuration
    return configuration.replace(PLAIN, f"include {lines};")


def test_nginx_asks_with_its_certificate_and_carries_what_is_allowed(place: Place) -> None:
    with place.nginx("good", NGINX, SERVERS) as url:
        root = client(url, "s3", place.daypass.root)
        root.put_object(Bucket=BUCKET, Key="in/a b+c", Body=b"by TLS")
        assert root.get_object(Bucket=BUCKET, Key="in/a b+c")["Body"].read() == b"by TLS"
        log = place.directory / "nginx-good" / "routes"
        until = time.monotonic() + 5  # nginx writes a line once its answer has left
        while log.read_text().count(" backend\n") < 2 and time.monotonic() < until:
            time.sleep(0.02)
        routes = log.read_text().splitlines()
        assert [route.split()[0] for route in routes if route.endswith(" backend")] == ["PUT", "GET"]
        user = client(url, "s3", place.daypass.new_user("nobody"))
        with pytest.raises(ClientError, match="AccessDenied"):
            user.get_object(Bucket=BUCKET, Key="in/a b+c")


NOT = {
    "nginx shows a certificate of another authority": ("foreign", certified("nginx", issuer=OTHERS), SERVERS),
    "nginx shows another name": ("other-name", certified("x", issuer=ASKERS, hosts=("x.internal",)), SERVERS),
    "nginx believes another authority": ("believing", NGINX, OTHERS),
}


@pytest.mark.parametrize(("name", "shows", "believes"), NOT.values(), ids=NOT.keys())
def test_nothing_passes_where(place: Place, name: str, shows: Certified, believes: Certified) -> None:
    with place.nginx(name, shows, believes) as url:
        root = client(url, "s3", place.daypass.root)
        with pytest.raises(ClientError) as caught:
            root.put_object(Bucket=BUCKET, Key=f"in/{name}", Body=b"x")
        assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
    listed = place.daypass.client("s3", place.daypass.root).list_objects_v2(Bucket=BUCKET, Prefix=f"in/{name}")
    assert listed["KeyCount"] == 0
