"""The caller's ordinary AWS environment: long-term keys, region and STS endpoint, as every AWS tool finds them.

Reads static keys only. A profile that gets its keys in another way (SSO, a process, a role) is refused by name:
what those give are session credentials mostly, and GetFederationToken does not take them.
Pure but for reading the two shared files; the environment is an argument.

Source: AWS SDKs and Tools Reference Guide, "Configuration", "Credential providers", "Service-specific endpoints".
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daypass.names import Secret

DEFAULT_REGION: Final = "us-east-1"

# Keys of a profile that say where credentials come from, and what that is called.
_UNSUPPORTED: Final = {
    "credential_process": "a credential process",
    "credential_source": "a role",
    "login_session": "`aws login`",
    "role_arn": "a role",
    "sso_session": "IAM Identity Center (SSO)",
    "sso_start_url": "IAM Identity Center (SSO)",
    "web_identity_token_file": "a web identity token",
}


class EnvironmentFault(Exception):
    """The environment does not say who is calling, or says it in a way that is not supported."""


@dataclass(frozen=True, slots=True)
class AwsEnvironment:
    """Who signs, for which region, and where the request goes.

    session_token: set if the credentials are a session's; the server then says what it thinks of that.
    ca_bundle: a file of certificates to trust instead of the system's; None for the system's.
    """

    access_key_id: str
    secret: Secret
    session_token: Secret | None
    region: str
    endpoint: str
    ca_bundle: str | None


def read(environment: Mapping[str, str], home: Path) -> AwsEnvironment:
    """The AWS environment that these variables and the two shared files describe.

    home: where `.aws/config` and `.aws/credentials` are looked for, unless variables name the files.

    Raises:
        EnvironmentFault: no keys, half a pair of keys, a profile that does not exist or is not supported.
    """
    name = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    config = _shared_file(environment.get("AWS_CONFIG_FILE"), home / ".aws" / "config")
    credentials = _shared_file(environment.get("AWS_SHARED_CREDENTIALS_FILE"), home / ".aws" / "credentials")
    profile = _section(config, "default" if name == "default" else f"profile {name}")
    # The credentials file wins over the configuration file, key by key.
    keys = profile | _section(credentials, name)
    if not keys and name != "default":
        raise EnvironmentFault(f"the profile `{name}` is in neither {home / '.aws'} file")

    access_key_id, secret, session_token = _keys(environment, keys, name)
    region = (
        environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or profile.get("region")
        or DEFAULT_REGION
    )
    return AwsEnvironment(
        access_key_id=access_key_id,
        secret=Secret(secret),
        session_token=Secret(session_token) if session_token else None,
        region=region,
        endpoint=_configured_endpoint(environment, profile, config) or _public_endpoint(region),
        ca_bundle=environment.get("AWS_CA_BUNDLE") or profile.get("ca_bundle"),
    )


def _keys(environment: Mapping[str, str], profile: Mapping[str, str], name: str) -> tuple[str, str, str | None]:
    """Access key id, secret and session token: of the environment, or else of the profile; never mixed."""
    access_key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if access_key_id or secret:
        if not (access_key_id and secret):
            raise EnvironmentFault("set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither")
        return access_key_id, secret, environment.get("AWS_SESSION_TOKEN")

    for key, what in _UNSUPPORTED.items():
        if key in profile:
            raise EnvironmentFault(
                f"the profile `{name}` takes its credentials from {what}, which is not supported here: "
                "put a user's access key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
    access_key_id, secret = profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")
    if not access_key_id and not secret:
        raise EnvironmentFault(
            "no AWS credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_PROFILE to a profile that holds a user's access key"
        )
    if not (access_key_id and secret):
        raise EnvironmentFault(f"the profile `{name}` has only one of aws_access_key_id and aws_secret_access_key")
    return access_key_id, secret, profile.get("aws_session_token")


def _configured_endpoint(
    environment: Mapping[str, str], profile: Mapping[str, str], config: configparser.RawConfigParser
) -> str | None:
    """The STS endpoint that the user set, the most specific setting first; None if there is none."""
    ignored = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") or profile.get("ignore_configured_endpoint_urls")
    if ignored is not None and ignored.lower() == "true":
        return None
    services = _section(config, f"services {profile['services']}") if "services" in profile else {}
    return (
        environment.get("AWS_ENDPOINT_URL_STS")
        or environment.get("AWS_ENDPOINT_URL")
        or _nested(services.get("sts", "")).get("endpoint_url")
        or profile.get("endpoint_url")
    )


def _public_endpoint(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://sts.{region}.{suffix}"


def _shared_file(named: str | None, default: Path) -> configparser.RawConfigParser:
    """One of the two shared files; empty if it does not exist."""
    path = Path(named).expanduser() if named else default
    # No section is the parser's own default: `[default]` must not leak into the others. `%` means itself.
    parser = configparser.RawConfigParser(default_section="\0", strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise EnvironmentFault(f"{path} cannot be read as an AWS configuration file") from error
    return parser


def _section(parser: configparser.RawConfigParser, name: str) -> dict[str, str]:
    return dict(parser[name]) if parser.has_section(name) else {}


def _nested(text: str) -> dict[str, str]:
    """The settings indented below a key: `sts =` and then `  endpoint_url = …`."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}
