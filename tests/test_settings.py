"""settings: every setting has an option, an environment variable and a line of the file, and all three do the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from daypass.commands.serve import serve
from daypass.config import Settings, SettingsError, load
from daypass.settings import SETTINGS, Kind, misspelt

TOKEN = "a-token-of-more-than-thirty-two-characters"


class Sample(NamedTuple):
    """A value as an option or a variable has it, as the file has it, and what else it takes to be read."""

    text: str
    line: str
    beside: tuple[tuple[str, str], ...] = ()


STORE = (
    ("s3_backend", "http://store"),
    ("s3_backend_access_key_id", "gateway"),
    ("s3_backend_secret_access_key", "hunter2hunter2"),
)
TLS = (
    ("authorizer_listen", "192.0.2.1:8421"),
    ("authorizer_tls_certificate", "/a.pem"),
    ("authorizer_tls_key", "/a.key"),
    ("authorizer_client_ca", "/ca.pem"),
)
SAMPLES = {
    "data": Sample("/elsewhere", '"/elsewhere"'),
    "listen": Sample("[::1]:99", '"[::1]:99"'),
    "workers": Sample("3", "3"),
    "regions": Sample("eu-west-1, eu-west-2", '["eu-west-1", "eu-west-2"]'),
    "trusted_proxies": Sample("10.0.0.0/8,::1", '["10.0.0.0/8", "::1"]'),
    "s3_backend": Sample("https://store:1", '"https://store:1"', STORE[1:]),
    "s3_backend_access_key_id": Sample("another", '"another"', (STORE[0], STORE[2])),
    "s3_backend_secret_access_key": Sample("hunter3hunter3", '"hunter3hunter3"', STORE[:2]),
    "s3_backend_region": Sample("eu-west-1", '"eu-west-1"', STORE),
    "s3_backend_keeps_dots": Sample("true", "true", STORE),
    "s3_backend_takes_trailers": Sample("true", "true", STORE),
    "s3_domains": Sample("s3.test b.test", '["s3.test", "b.test"]'),
    "s3_adopt": Sample("a-*=123456789012", '["a-*=123456789012"]'),
    "s3_signature_version_2": Sample("true", "true"),
    "authorizer_listen": Sample("unix:/run/a.sock", '"unix:/run/a.sock"'),
    "authorizer_token": Sample(TOKEN, f'"{TOKEN}"', (("authorizer_listen", "unix:/run/a.sock"),)),
    "authorizer_tls_certificate": Sample("/b.pem", '"/b.pem"', (TLS[0], TLS[2], TLS[3])),
    "authorizer_tls_key": Sample("/b.key", '"/b.key"', (TLS[0], TLS[1], TLS[3])),
    "authorizer_client_ca": Sample("/b.pem", '"/b.pem"', TLS[:3]),
    "authorizer_client_name": Sample("a.test, spiffe://b", '["a.test", "spiffe://b"]', TLS),
    "oidc_allowed_issuers": Sample("https://a https://b", '["https://a", "https://b"]'),
    "oidc_ca_bundle": Sample(__file__, f'"{__file__}"'),
    "saml_recipients": Sample("https://a/saml", '["https://a/saml"]'),
    "public_url": Sample("https://a", '"https://a"'),
}


NEEDED = {  # itself, or by what stands beside it: there is no default to compare with
    "data",
    "s3_backend_access_key_id",
    "s3_backend_secret_access_key",
    "authorizer_tls_certificate",
    "authorizer_tls_key",
    "authorizer_client_ca",
}


def read(arguments: list[str], environment: dict[str, str]) -> Settings:
    """What `daypass serve` makes of its arguments."""
    options: dict[str, Any] = serve.make_context("serve", [*arguments]).params  # which empties its list
    return load(options, environment)


def test_every_setting_is_tried_here() -> None:
    assert set(SAMPLES) == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_option_a_variable_and_a_line_of_the_file_do_the_same(name: str, tmp_path: Path) -> None:
    setting, sample = SETTINGS[name], SAMPLES[name]
    file = tmp_path / "settings.toml"
    around = {f"DAYPASS_{other.upper()}": value for other, value in sample.beside} | {"DAYPASS_CONFIG": str(file)}
    if name != "data":
        around["DAYPASS_DATA"] = str(tmp_path)
    file.write_text(f"{name} = {sample.line}\n")
    by_line = read([], around)
    file.write_text("")
    assert read([], {**around, f"DAYPASS_{name.upper()}": sample.text}) == by_line
    if setting.kind is not Kind.SECRET:
        value = [] if setting.kind is Kind.FLAG else [sample.text]
        assert read([f"--{name.replace('_', '-')}", *value], around) == by_line
    if name not in NEEDED:
        assert read([], around) != by_line


def test_no_secret_is_an_option() -> None:
    secrets = {name for name, setting in SETTINGS.items() if setting.kind is Kind.SECRET}
    assert secrets == {"s3_backend_secret_access_key", "authorizer_token"}
    assert secrets.isdisjoint(param.name for param in serve.params)


def test_help_tells_of_every_setting_by_its_option_and_its_variable() -> None:
    help_ = serve.get_help(serve.make_context("serve", []))
    for setting in SETTINGS.values():
        assert setting.variable in help_
        assert (f"{setting.option} " in help_) is (setting.kind is not Kind.SECRET)


def test_a_flag_of_the_environment_is_taken_back_by_its_option(tmp_path: Path) -> None:
    environment = {"DAYPASS_S3_SIGNATURE_VERSION_2": "true"}
    data = ["--data", str(tmp_path)]
    assert read(data, environment).s3_signature_version_2
    assert not read([*data, "--no-s3-signature-version-2"], environment).s3_signature_version_2


def test_an_option_without_a_value_is_refused_because_workers_would_not_see_it(tmp_path: Path) -> None:
    (tmp_path / "daypass.toml").write_text('regions = ["eu-west-1"]\n')
    with pytest.raises(SettingsError, match="--regions has no value"):
        read(["--data", str(tmp_path), "--regions", ""], {})


def test_the_file_that_the_option_names_is_read_before_the_one_of_the_environment(tmp_path: Path) -> None:
    for name, workers in (("a", 2), ("b", 3)):
        (tmp_path / name).write_text(f"workers = {workers}\n")
    arguments = ["--data", str(tmp_path), "--config", str(tmp_path / "b")]
    assert read(arguments, {"DAYPASS_CONFIG": str(tmp_path / "a")}).workers == 3


def test_a_variable_that_is_nearly_a_setting_is_found_and_any_other_is_not() -> None:
    kubernetes = ["DAYPASS_PORT", "DAYPASS_PORT_8420_TCP_ADDR", "DAYPASS_SERVICE_HOST", "DAYPASS_SERVICE_PORT_HTTP"]
    right = [setting.variable for setting in SETTINGS.values()] + ["DAYPASS_CONFIG", "AWS_REGION", "HOME"]
    assert misspelt([*kubernetes, *right, "DAYPASS_S3_BACKNED", "DAYPASS_TRUSTED_PROXY"]) == {
        "DAYPASS_S3_BACKNED": "DAYPASS_S3_BACKEND",
        "DAYPASS_TRUSTED_PROXY": "DAYPASS_TRUSTED_PROXIES",
    }
