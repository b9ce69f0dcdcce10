"""config: the settings of identity providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from daypass.config import Federation, SettingsError, load


def federation(**options: object) -> Federation:
    return load({"data": "/data", **options}, {}).federation


def test_nothing_is_allowed_by_default() -> None:
    assert federation() == Federation(frozenset(), None, (), None)


def test_issuers_are_allowed_by_their_origin() -> None:
    allowed = federation(oidc_allowed_issuers="https://Keycloak:8443/realms/a, http://dex.internal/dex")
    assert allowed.issuers == {"https://keycloak:8443", "http://dex.internal:80"}


def test_the_environment_has_them_too(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("…")
    environment = {
        "DAYPASS_DATA": "/data",
        "DAYPASS_OIDC_ALLOWED_ISSUERS": "https://idp.internal",
        "DAYPASS_OIDC_CA_BUNDLE": str(bundle),
        "DAYPASS_SAML_RECIPIENTS": "https://sts.example.com/saml",
        "DAYPASS_PUBLIC_URL": "https://sts.example.com/",
    }
    assert load({}, environment).federation == Federation(
        frozenset({"https://idp.internal:443"}), bundle, ("https://sts.example.com/saml",), "https://sts.example.com"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"oidc_allowed_issuers": "keycloak"}, "`keycloak` is no http or https URL"),
        ({"oidc_allowed_issuers": "https://u:p@idp"}, "is no http or https URL"),
        ({"oidc_ca_bundle": "/nowhere/ca.pem"}, "certificate authorities /nowhere/ca.pem is not there"),
        ({"saml_recipients": "saml"}, "`saml` is no http or https URL"),
        ({"public_url": "sts.example.com"}, "is no http or https URL"),
        ({"public_url": "https://example.com/sts"}, "has a path"),
        ({"public_url": "https://example.com?a"}, "has a path"),
    ],
)
def test_a_setting_that_cannot_be_used_says_so(options: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        federation(**options)
