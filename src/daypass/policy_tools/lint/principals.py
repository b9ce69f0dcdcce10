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
RULES: Final = (PRINCIPAL_ANYONE, NOT_PRINCIPAL)


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
    elif statement.allow and ANYONE in principal.texts and not statement.conditions:
        yield Finding(
            PRINCIPAL_ANYONE,
            principal.path,
            'Allow with Principal "*" and no Condition: everyone may, also without credentials',
        )
