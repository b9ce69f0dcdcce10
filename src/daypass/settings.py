"""Every setting: how it is called, what its value is, and what it does; options, help and their page come from it.

Owns no value and reads nothing: daypass.config does, and says what a value may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from typing import Final

PREFIX: Final = "DAYPASS_"
DEFAULT_LISTEN: Final = "127.0.0.1:8420"


class Kind(Enum):
    VALUE = auto()
    FLAG = auto()
    SECRET = auto()  # no option: other users of the machine can read a process's arguments


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. name: its line's in the file; the other two names follow from it.

    value: what its help writes for the value. LIST: items with commas or spaces between; in the file, a list.
    help: a sentence or two. `code` is written so.
    """

    name: str
    value: str
    help: str
    kind: Kind = Kind.VALUE

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()


_SERVER: Final = (
    Setting("data", "DIR", "The directory that `daypass init` made."),
    Setting("listen", "HOST:PORT", f"Where to listen. Default: {DEFAULT_LISTEN}, this machine alone."),
    Setting("workers", "N", "Processes that share the port and the store. Default: 1."),
    Setting("regions", "LIST", "The regions that clients may sign for, such as `us-east-1`. Default: any."),
    Setting(
        "trusted_proxies",
        "LIST",
        "Networks whose X-Forwarded-For and X-Forwarded-Proto are believed, such as `10.0.0.0/8`. Default: nobody's.",
    ),
)
_S3: Final = (
    Setting("s3_backend", "URL", "The S3-compatible store behind the gateway. Default: none; S3 requests are refused."),
    Setting("s3_backend_access_key_id", "ID", "The gateway's own access key at the store."),
    Setting("s3_backend_secret_access_key", "SECRET", "The secret of that access key.", Kind.SECRET),
    Setting("s3_backend_region", "REGION", "The region that the store expects. Default: us-east-1."),
    Setting(
        "s3_backend_keeps_dots",
        "",
        "The store keeps `.`, `..` and `//` in keys. Default: dots are refused, and `//` is decided on as `/` too.",
        Kind.FLAG,
    ),
    Setting(
        "s3_backend_takes_trailers",
        "",
        "The store takes a checksum after an unsigned body in chunks. Default: it ends here, if the body is large.",
        Kind.FLAG,
    ),
    Setting(
        "s3_domains",
        "LIST",
        "Domains below which a Host names a bucket, such as `s3.example.com`. Default: none; the path names it.",
    ),
    Setting(
        "s3_adopt",
        "LIST",
        "Whose buckets are that the store has already: PATTERN=ACCOUNT, such as `logs-*=123456789012`; the first that "
        "fits counts. Default: nobody's.",
    ),
    Setting(
        "s3_signature_version_2",
        "",
        "Verify presigned URLs and forms of Signature Version 2, which is weak. Default: they are refused.",
        Kind.FLAG,
    ),
)
_AUTHORIZER: Final = (
    Setting(
        "authorizer_listen",
        "WHERE",
        "Answer questions about decisions here: `unix:/PATH`, a loopback HOST:PORT with the token, or any HOST:PORT "
        "with TLS and clients' certificates. Default: nowhere.",
    ),
    Setting("authorizer_token", "TOKEN", "What those who ask present. A port without TLS needs it.", Kind.SECRET),
    Setting("authorizer_tls_certificate", "FILE", "The authorizer's certificate (PEM), followed by those above it."),
    Setting("authorizer_tls_key", "FILE", "The key of that certificate (PEM, no password)."),
    Setting("authorizer_client_ca", "FILE", "Certificate authorities (PEM) of those who may ask."),
    Setting(
        "authorizer_client_name",
        "LIST",
        "Names in their certificates that may ask, such as `proxy.internal`. Default: all of those authorities.",
    ),
)
_FEDERATION: Final = (
    Setting(
        "oidc_allowed_issuers",
        "LIST",
        "OpenID Connect providers that may have private addresses, such as `https://keycloak.internal`. Default: none.",
    ),
    Setting("oidc_ca_bundle", "FILE", "Certificate authorities (PEM) that providers' may be of, beside the system's."),
    Setting("saml_recipients", "LIST", "URLs that SAML assertions may be meant for, beside AWS's own."),
    Setting(
        "public_url",
        "URL",
        "Under which others reach Daypass, to verify the tokens of GetWebIdentityToken. Default: it makes none.",
    ),
)

GROUPS: Final = {
    "Server": _SERVER,
    "S3 gateway": _S3,
    "Authorizer": _AUTHORIZER,
    "Identity providers": _FEDERATION,
}
SETTINGS: Final = {setting.name: setting for group in GROUPS.values() for setting in group}

_ALIKE: Final = 0.8  # of difflib's ratio: S3_BACKNED is, and what Kubernetes sets for a service named daypass is not


def misspelt(variables: Iterable[str]) -> dict[str, str]:
    """Environment variables that are no setting, and what each seems to be meant for."""
    known = [setting.variable.removeprefix(PREFIX) for setting in SETTINGS.values()] + ["CONFIG"]
    found = {}
    for variable in sorted(variables):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in known:
            continue
        for meant in get_close_matches(name, known, 1, _ALIKE):
            found[variable] = PREFIX + meant
    return found
