"""Rules about Principal and NotPrincipal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from daypass.policy import PolicyKind
from daypass.policy_tools.findings import Finding, Rule, Severity
from daypass.policy_tools.written import ANYONE, Document, Statement

PRINCIPAL_ANYONE: Final = Rule(
    "principal-anyone",
    Severity.WARNING,
    'Allow with Principal "*" and no Condition: everyone may, of every account and without any credentials.',
    "Name accounts, users or roles; or narrow with a Condition such as aws:PrincipalOrgID or aws:PrincipalArn.",
)
NOT_PRINCIPAL: Final = Rule(
    "not-principal",
    Severity.WARNING,
    "NotPrincipal exempts only those whose own ARN is listed, and nobody who has a permissions boundary.",
    'Deny Principal "*" with a Condition on aws:PrincipalArn that exempts those who may.',
)
WEB_IDENTITY_ANYONE: Final = Rule(
    "web-identity-anyone",
    Severity.WARNING,
    "Allow of an OpenID Connect provider without a Condition on the subject: everybody may to whom it gives a token.",
    "Add a Condition on the provider's `:sub`, or on another claim that only those have who are meant.",
)
RULES: Final = (PRINCIPAL_ANYONE, NOT_PRINCIPAL, WEB_IDENTITY_ANYONE)

_OIDC: Final = ":oidc-provider/"
# What a token says beside its claims: session tags, and a source identity.
_OF_TOKENS: Final = ("aws:requesttag/", "sts:sourceidentity")
# Claims about a token, and not about whose it is.
_OF_NOBODY: Final = frozenset({"aud", "oaud", "azp", "iss", "exp", "iat", "nbf"})


def findings(statement: Statement, document: Document) -> Iterator[Finding]:
    principal = statement.principal
    if principal is None or document.kind is PolicyKind.RESOURCE_CONTROL:
        return
    if principal.negated:
        yield Finding(
            NOT_PRINCIPAL,
            principal.path,
            "NotPrincipal denies whoever is not listed by an own ARN, and all who have a permissions boundary",
        )
        return
    if statement.allow and ANYONE in principal.texts and not statement.conditions:
        yield Finding(
            PRINCIPAL_ANYONE,
            principal.path,
            'Allow with Principal "*" and no Condition: everyone may, also without credentials',
        )
    if statement.allow and document.kind is PolicyKind.ROLE_TRUST:
        keys = [condition.key.lower() for condition in statement.conditions]
        for value in principal.values:
            _, found, provider = value.text.partition(_OIDC)
            if found and not any(_is_about_somebody(key, f"{provider.lower()}:") for key in keys):
                yield Finding(
                    WEB_IDENTITY_ANYONE,
                    value.path,
                    f"everybody to whom {provider} gives a token may be this role: no Condition is on {provider}:sub",
                )


def _is_about_somebody(key: str, provider: str) -> bool:
    if key.startswith(provider):
        return key.removeprefix(provider) not in _OF_NOBODY
    return key.startswith(_OF_TOKENS)
