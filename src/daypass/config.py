"""Settings: options, environment and TOML file → one frozen Settings, read once. Nothing else reads either.

A value comes from the first of: the command's option, the environment variable DAYPASS_…, the file
(--config, DAYPASS_CONFIG, else daypass.toml in the data directory), the default. What there is to set is the table
of daypass.settings: each has all three names, `--s3-backend`, `DAYPASS_S3_BACKEND`, `s3_backend`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from daypass import limits
from daypass.names import Secret, is_account_id
from daypass.settings import DEFAULT_LISTEN, PREFIX, SETTINGS, Kind, misspelt
from daypass.wire.origin import origin_of

_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class SettingsError(Exception):
    """A setting that cannot be used. Its text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The S3-compatible store behind the gateway, and the keys that are the gateway's own there.

    url: scheme, host and port; no path.
    buckets: patterns of the names of the buckets that are on it; the first backend that one fits is a bucket's own.
    keeps_dots: whether it stores keys with `.` or `..` segments, or with slashes in a row, as they are.
    takes_trailers: whether it takes a checksum after a body in unsigned chunks; else that of a large object ends here.
    """

    url: str
    access_key_id: str
    secret: Secret
    region: str
    buckets: tuple[str, ...] = ("*",)
    keeps_dots: bool = False
    takes_trailers: bool = False


@dataclass(frozen=True, slots=True)
class Adoption:
    """A rule by which buckets that a backend has already become an account's. buckets: a pattern of names."""

    buckets: str
    account_id: str


@dataclass(frozen=True, slots=True)
class MutualTls:
    """What the authorizer shows, and who may ask it: client_names of client_ca, or all of that if there are none."""

    certificate: Path
    key: Path
    client_ca: Path
    client_names: frozenset[str]


@dataclass(frozen=True, slots=True)
class AuthorizerListener:
    """Where the authorizer listens: a Unix socket, a loopback address with the token that its askers present, or any
    address with TLS and their certificates."""

    socket: Path | None
    host: str
    port: int
    token: Secret | None
    tls: MutualTls | None = None


@dataclass(frozen=True, slots=True)
class Federation:
    """Identity providers, and Daypass as one.

    issuers: origins of OpenID Connect providers that may have private addresses; those with http, no TLS.
    ca_bundle: certificate authorities that are known beside the system's when a provider is asked.
    saml_recipients: addresses that assertions may be meant for beside AWS's own.
    public_url: under which others reach Daypass; None: nobody could verify the tokens that it signs, so it signs none.
    """

    issuers: frozenset[str] = frozenset()
    ca_bundle: Path | None = None
    saml_recipients: tuple[str, ...] = ()
    public_url: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    data: the directory that `daypass init` made.
    host, port: where to listen; port 0 lets the system choose.
    workers: processes that share the port and the store.
    backends: in the order in which they are asked for a bucket; with none of them S3 requests are refused.
    s3_domains: below which a Host names a bucket; in lower case.
    s3_signature_version_2: whether presigned URLs and forms of Signature Version 2 are verified, or refused.
    adoptions: of buckets that Daypass does not know yet; the first that fits a name counts.
    trusted_proxies: whose X-Forwarded-For and X-Forwarded-Proto are believed.
    regions: the valid regions of a credential scope; empty means any well-formed one.
    authorizer: None if nobody may ask for decisions alone.
    federation: identity providers.
    """

    data: Path
    host: str
    port: int
    workers: int
    backends: tuple[Backend, ...]
    regions: frozenset[str]
    s3_domains: tuple[str, ...] = ()
    adoptions: tuple[Adoption, ...] = ()
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    authorizer: AuthorizerListener | None = None
    federation: Federation = Federation()
    s3_signature_version_2: bool = False


_BACKENDS: Final = "backend"  # [[backend]] of the file, one for each of several


def load(options: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force.

    options: by setting name, None where the option was not given; and `config`, the file.
    environment: the process's own if None.

    Raises:
        SettingsError: a value is missing, malformed or unknown.
    """
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in (options or {}).items() if value is not None}
    for name, value in given.items():
        if value == "":  # In the environment, where workers read it, it would be as if it was not given.
            raise SettingsError(f"--{name.replace('_', '-')} has no value; write one, or leave the option out")
    from_environment = {
        name: environment[setting.variable] for name, setting in SETTINGS.items() if environment.get(setting.variable)
    }
    file = _file_in_force(given, environment)
    given.pop("config", None)
    from_file = {} if file is None else _read_file(file)
    values: dict[str, Any] = {**from_file, **from_environment, **given}
    if not values.get("data"):
        raise SettingsError("no data directory: pass --data DIR or set DAYPASS_DATA")
    host, port = _listen(str(values.get("listen", DEFAULT_LISTEN)))
    authorizer = _authorizer(values)
    if authorizer is not None and authorizer.socket is None and authorizer.port == port:
        raise SettingsError(f"--listen and --authorizer-listen have the same port {port}; choose two")
    return Settings(
        data=Path(values["data"]),
        host=host,
        port=port,
        workers=_workers(values.get("workers", 1)),
        backends=_backends(values),
        regions=_regions(values.get("regions", ())),
        s3_domains=_domains(values.get("s3_domains", ())),
        adoptions=_adoptions(values.get("s3_adopt", ())),
        trusted_proxies=_networks(values.get("trusted_proxies", ())),
        authorizer=authorizer,
        federation=_federation(values),
        s3_signature_version_2=_flag(values.get("s3_signature_version_2", False)),
    )


def export(options: Mapping[str, Any]) -> None:
    """Puts the options given into the environment, where worker processes load their settings from."""
    for name, value in options.items():
        if value is not None:
            os.environ[PREFIX + name.upper()] = str(value)


def misspelt_variables() -> dict[str, str]:
    """Of the process's own environment: what is no setting, and what each seems to be meant for."""
    return misspelt(os.environ)


def exposed_file(options: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Path | None:
    """The file of the settings, if there are secrets in it and others on the machine can read it.

    options, environment: as of `load`, which has read it without a fault.
    """
    file = _file_in_force(options, os.environ if environment is None else environment)
    if file is None or not (file.stat().st_mode & 0o044 and file.parent.stat().st_mode & 0o011):
        return None
    values = _read_file(file)
    secrets = {setting.name for setting in SETTINGS.values() if setting.kind is Kind.SECRET}
    has_secrets = not secrets.isdisjoint(values) or any("secret_access_key" in one for one in values.get(_BACKENDS, ()))
    return file if has_secrets else None


def _file_in_force(options: Mapping[str, Any], environment: Mapping[str, str]) -> Path | None:
    """None if there is none."""
    named = options.get("config") or environment.get("DAYPASS_CONFIG")
    if named:
        return Path(named)
    data = options.get("data") or environment.get(SETTINGS["data"].variable)
    file = Path(data) / "daypass.toml" if data else None
    return file if file is not None and file.exists() else None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the configuration file {path} is not TOML: {error}") from None
    unknown = sorted(set(values) - {*SETTINGS, _BACKENDS})
    if unknown:
        raise SettingsError(f"{path}: unknown setting `{unknown[0]}`; known are {', '.join(SETTINGS)}")
    return values


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"`{text}` is no address to listen on; write HOST:PORT, such as {DEFAULT_LISTEN}")
    return host, int(port)


def _authorizer(values: Mapping[str, Any]) -> AuthorizerListener | None:
    text, token, tls = values.get("authorizer_listen"), values.get("authorizer_token"), _mutual_tls(values)
    if not text:
        if token or tls:
            what = "DAYPASS_AUTHORIZER_TOKEN" if token else "the authorizer's TLS"
            raise SettingsError(f"{what} does nothing without --authorizer-listen")
        return None
    if token is not None and len(str(token)) < limits.AUTHORIZER_TOKEN_CHARS:
        raise SettingsError(f"DAYPASS_AUTHORIZER_TOKEN needs at least {limits.AUTHORIZER_TOKEN_CHARS} characters")
    secret = None if token is None else Secret(str(token))
    if str(text).startswith("unix:"):
        path = Path(str(text).removeprefix("unix:"))
        if not path.is_absolute():
            raise SettingsError(f"`{text}` is no socket; write unix: and an absolute path")
        if tls is not None:
            raise SettingsError("a Unix socket has no TLS; write HOST:PORT for --authorizer-listen")
        return AuthorizerListener(path, "", 0, secret)
    host, port = _listen(str(text))
    if port == 0:
        raise SettingsError(f"the authorizer does not listen on `{text}`: it takes a port of its own, such as 8421")
    if tls is not None:
        return AuthorizerListener(None, host, port, secret, tls)
    if not _is_loopback(host):
        raise SettingsError(
            f"the authorizer does not listen on `{text}`: it answers questions about anybody, so it takes a loopback "
            "address, such as 127.0.0.1:8421, a socket, such as unix:/run/daypass/authorizer.sock, or "
            "--authorizer-tls-certificate, --authorizer-tls-key and --authorizer-client-ca"
        )
    if secret is None:
        raise SettingsError(
            "an authorizer on TCP needs DAYPASS_AUTHORIZER_TOKEN, which its askers present, or TLS with their "
            "certificates; a Unix socket does not"
        )
    return AuthorizerListener(None, host, port, secret)


_TLS_FILES: Final = ("authorizer_tls_certificate", "authorizer_tls_key", "authorizer_client_ca")


def _mutual_tls(values: Mapping[str, Any]) -> MutualTls | None:
    """All three files or none: without the authority nobody would be asked for a certificate."""
    given = [name for name in _TLS_FILES if values.get(name)]
    names = frozenset(str(name) for name in _listed(values.get("authorizer_client_name", ())))
    if not given:
        if names:
            raise SettingsError("--authorizer-client-name does nothing without --authorizer-client-ca")
        return None
    missing = [SETTINGS[name].option for name in _TLS_FILES if name not in given]
    if missing:
        raise SettingsError(f"the authorizer's TLS needs {' and '.join(missing)} as well")
    certificate, key, client_ca = (Path(str(values[name])) for name in _TLS_FILES)
    return MutualTls(certificate, key, client_ca, names)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _workers(value: Any) -> int:
    text = str(value)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise SettingsError(f"`{text}` is no number of workers; write 1 to 256")
    return int(text)


def _listed(value: Any) -> list[Any]:
    """The items of a list in the file, or of a text with commas or spaces."""
    return [item for item in value.replace(",", " ").split() if item] if isinstance(value, str) else list(value)


def _regions(value: Any) -> frozenset[str]:
    regions = _listed(value)
    for region in regions:
        if not isinstance(region, str) or _REGION.fullmatch(region) is None:
            raise SettingsError(f"`{region}` is no region name; write one such as us-east-1")
    return frozenset(regions)


# ---- identity providers ------------------------------------------------------------------------------------


def _federation(values: Mapping[str, Any]) -> Federation:
    issuers = [_origin(issuer) for issuer in _listed(values.get("oidc_allowed_issuers", ()))]
    recipients = [str(recipient) for recipient in _listed(values.get("saml_recipients", ()))]
    for recipient in recipients:
        _origin(recipient)
    bundle = Path(values["oidc_ca_bundle"]) if values.get("oidc_ca_bundle") else None
    if bundle is not None and not bundle.is_file():
        raise SettingsError(f"the file of certificate authorities {bundle} is not there")
    public_url = str(values["public_url"]).removesuffix("/") if values.get("public_url") else None
    if public_url is not None:
        _origin(public_url)
    if public_url is not None and f"{urlsplit(public_url).scheme}://{urlsplit(public_url).netloc}" != public_url:
        raise SettingsError(f"`{public_url}` has a path; write the public URL without, such as https://sts.example.com")
    return Federation(frozenset(issuers), bundle, tuple(recipients), public_url)


def _origin(url: Any) -> str:
    try:
        return origin_of(str(url))
    except ValueError:
        raise SettingsError(f"`{url}` is no http or https URL; write one such as https://idp.example.com") from None


# ---- the S3 gateway ----------------------------------------------------------------------------------------

_DOMAIN: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_BUCKETS: Final = re.compile(r"[a-z0-9.*?-]+")  # a pattern of bucket names


def _domains(value: Any) -> tuple[str, ...]:
    domains = [str(domain).lower().strip(".") for domain in _listed(value)]
    for domain in domains:
        if _DOMAIN.fullmatch(domain) is None:
            raise SettingsError(f"`{domain}` is no domain for buckets' hosts; write one such as s3.example.com")
    return tuple(sorted(domains, key=len, reverse=True))  # of two that fit, the longer one is meant


def _networks(value: Any) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = []
    for text in _listed(value):
        try:
            networks.append(ipaddress.ip_network(str(text)))
        except ValueError:
            raise SettingsError(f"`{text}` is no network of trusted proxies; write one such as 10.0.0.0/8") from None
    return tuple(networks)


def _adoptions(value: Any) -> tuple[Adoption, ...]:
    found = []
    for rule in _listed(value):
        buckets, _, account_id = str(rule).partition("=")
        if _BUCKETS.fullmatch(buckets) is None or not is_account_id(account_id):
            raise SettingsError(f"`{rule}` is no rule to adopt buckets; write one such as data-*=123456789012")
        found.append(Adoption(buckets, account_id))
    return tuple(found)


def _backends(values: Mapping[str, Any]) -> tuple[Backend, ...]:
    """Those of the file in their order, and the one that has settings of its own, for the buckets of no other."""
    tables = values.get(_BACKENDS, ())
    if not isinstance(tables, list | tuple) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError("several S3 backends are written as one [[backend]] each")
    found = [_backend_of_file(table) for table in tables]
    region = values.get("s3_backend_region")
    keeps_dots = _flag(values.get("s3_backend_keeps_dots", False))
    takes_trailers = _flag(values.get("s3_backend_takes_trailers", False))
    if values.get("s3_backend"):
        found.append(
            _backend(
                values["s3_backend"],
                values.get("s3_backend_access_key_id"),
                values.get("s3_backend_secret_access_key"),
                region or "us-east-1",
                says="set DAYPASS_S3_BACKEND_ACCESS_KEY_ID and DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY",
                keeps_dots=keeps_dots,
                takes_trailers=takes_trailers,
            )
        )
    elif region or keeps_dots or takes_trailers:
        idle = "region" if region else "keeps-dots" if keeps_dots else "takes-trailers"
        raise SettingsError(f"--s3-backend-{idle} does nothing without --s3-backend")
    _check_each_is_asked(found)
    return tuple(found)


def _check_each_is_asked(backends: Sequence[Backend]) -> None:
    """A backend whose every bucket is another's would be there in vain."""
    taken: set[str] = set()
    for backend in backends:
        if "*" in taken or taken.issuperset(backend.buckets):
            raise SettingsError(
                f"the S3 backend {backend.url} would never be asked: those before it take all its buckets; "
                "give them `buckets` of their own"
            )
        taken.update(backend.buckets)


def _backend_of_file(table: Mapping[str, Any]) -> Backend:
    known = {"url", "access_key_id", "secret_access_key", "region", "buckets", "keeps_dots", "takes_trailers"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise SettingsError(f"[[backend]]: unknown setting `{unknown[0]}`; known are {', '.join(sorted(known))}")
    buckets = tuple(_listed(table.get("buckets", ["*"])))
    if not buckets:
        raise SettingsError("[[backend]]: `buckets` is empty; write patterns, or leave it out for all buckets")
    for pattern in buckets:
        if not isinstance(pattern, str) or _BUCKETS.fullmatch(pattern) is None:
            raise SettingsError(f"[[backend]]: `{pattern}` is no pattern of bucket names; write one such as logs-*")
    return _backend(
        table.get("url", ""),
        table.get("access_key_id"),
        table.get("secret_access_key"),
        table.get("region", "us-east-1"),
        says="set access_key_id and secret_access_key in its [[backend]]",
        keeps_dots=_flag(table.get("keeps_dots", False)),
        takes_trailers=_flag(table.get("takes_trailers", False)),
        buckets=buckets,
    )


def _backend(
    url: Any,
    access_key_id: Any,
    secret: Any,
    region: Any,
    *,
    says: str,
    keeps_dots: bool,
    takes_trailers: bool,
    buckets: tuple[str, ...] = ("*",),
) -> Backend:
    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise SettingsError(f"`{url}` is no S3 backend; write its URL without a path, such as http://127.0.0.1:9000")
    if parts.username is not None:
        raise SettingsError(f"the S3 backend's keys do not go into its URL; {says}")
    if not access_key_id or not secret:
        raise SettingsError(f"the S3 backend needs its own keys: {says}")
    if _REGION.fullmatch(str(region)) is None:
        raise SettingsError(f"`{region}` is no region name; write one such as us-east-1 for the S3 backend")
    origin = f"{parts.scheme}://{parts.netloc}"
    return Backend(origin, str(access_key_id), Secret(str(secret)), str(region), buckets, keeps_dots, takes_trailers)


def _flag(value: Any) -> bool:
    match str(value).lower():
        case "true" | "1" | "yes":
            return True
        case "false" | "0" | "no" | "":
            return False
        case other:
            raise SettingsError(f"`{other}` is neither true nor false")
