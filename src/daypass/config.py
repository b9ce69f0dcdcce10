"""Settings: options, environment and TOML file → one frozen Settings, read once. Nothing else reads either.

A value comes from the first of: the command's option, the environment variable DAYPASS_…, the file
(DAYPASS_CONFIG, else daypass.toml in the data directory), the default. Each option has all three names:
`--s3-backend`, `DAYPASS_S3_BACKEND`, `s3_backend`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from daypass.names import Secret

DEFAULT_LISTEN: Final = "127.0.0.1:8420"
_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PREFIX: Final = "DAYPASS_"


class SettingsError(Exception):
    """A setting that cannot be used. Its text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The S3-compatible store behind the gateway, and the keys that are the gateway's own there.

    url: scheme, host and port; no path.
    """

    url: str
    access_key_id: str
    secret: Secret
    region: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    data: the directory that `daypass init` made.
    host, port: where to listen; port 0 lets the system choose.
    workers: processes that share the port and the store.
    backend: None if no S3 backend is configured; S3 requests are then refused.
    regions: the valid regions of a credential scope; empty means any well-formed one.
    """

    data: Path
    host: str
    port: int
    workers: int
    backend: Backend | None
    regions: frozenset[str]


_NAMES: Final = (
    "data",
    "listen",
    "workers",
    "regions",
    "s3_backend",
    "s3_backend_access_key_id",
    "s3_backend_secret_access_key",
    "s3_backend_region",
)


def load(options: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings in force.

    options: by setting name, None where the option was not given.
    environment: the process's own if None.

    Raises:
        SettingsError: a value is missing, malformed or unknown.
    """
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in (options or {}).items() if value is not None}
    from_environment = {
        name: environment[_PREFIX + name.upper()] for name in _NAMES if environment.get(_PREFIX + name.upper())
    }
    data = given.get("data", from_environment.get("data"))
    from_file = _read_file(environment.get("DAYPASS_CONFIG"), data)
    values: dict[str, Any] = {**from_file, **from_environment, **given}
    if not values.get("data"):
        raise SettingsError("no data directory: pass --data DIR or set DAYPASS_DATA")
    host, port = _listen(str(values.get("listen", DEFAULT_LISTEN)))
    return Settings(
        data=Path(values["data"]),
        host=host,
        port=port,
        workers=_workers(values.get("workers", 1)),
        backend=_backend(values),
        regions=_regions(values.get("regions", ())),
    )


def export(options: Mapping[str, Any]) -> None:
    """Puts the options given into the environment, where worker processes load their settings from."""
    for name, value in options.items():
        if value is not None:
            os.environ[_PREFIX + name.upper()] = str(value)


def _read_file(named: str | None, data: Any) -> dict[str, Any]:
    path = Path(named) if named else Path(data) / "daypass.toml" if data else None
    if path is None or not (named or path.exists()):
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the configuration file {path} is not TOML: {error}") from None
    unknown = sorted(set(values) - set(_NAMES))
    if unknown:
        raise SettingsError(f"{path}: unknown setting `{unknown[0]}`; known are {', '.join(_NAMES)}")
    return values


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise SettingsError(f"`{text}` is no address to listen on; write HOST:PORT, such as {DEFAULT_LISTEN}")
    return host, int(port)


def _workers(value: Any) -> int:
    text = str(value)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise SettingsError(f"`{text}` is no number of workers; write 1 to 256")
    return int(text)


def _regions(value: Any) -> frozenset[str]:
    regions = [item for item in value.replace(",", " ").split() if item] if isinstance(value, str) else list(value)
    for region in regions:
        if not isinstance(region, str) or _REGION.fullmatch(region) is None:
            raise SettingsError(f"`{region}` is no region name; write one such as us-east-1")
    return frozenset(regions)


def _backend(values: Mapping[str, Any]) -> Backend | None:
    url = values.get("s3_backend")
    if not url:
        return None
    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise SettingsError(f"`{url}` is no S3 backend; write its URL without a path, such as http://127.0.0.1:9000")
    if parts.username is not None:
        raise SettingsError("the S3 backend's keys do not go into its URL; set DAYPASS_S3_BACKEND_ACCESS_KEY_ID")
    access_key_id, secret = values.get("s3_backend_access_key_id"), values.get("s3_backend_secret_access_key")
    if not access_key_id or not secret:
        raise SettingsError(
            "the S3 backend needs its own keys: set DAYPASS_S3_BACKEND_ACCESS_KEY_ID and "
            "DAYPASS_S3_BACKEND_SECRET_ACCESS_KEY"
        )
    region = str(values.get("s3_backend_region", "us-east-1"))
    if _REGION.fullmatch(region) is None:
        raise SettingsError(f"`{region}` is no region name; set DAYPASS_S3_BACKEND_REGION to one such as us-east-1")
    return Backend(f"{parts.scheme}://{parts.netloc}", str(access_key_id), Secret(str(secret)), region)
