"""The console's pages. What a page shows is asked of the policy engine and the policies in force, now.

Everything shown is escaped by the template engine; nothing is loaded from elsewhere, and no script runs.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from daypass.policy import Outcome, Policy, PolicySet, PrincipalKind
from daypass.service.actions import Check
from daypass.service.authorize import Authorizer
from daypass.service.caller import Caller
from daypass.service.sign_in import ConsoleSession
from daypass.wire.http import Headers, RawRequest, RawResponse

_templates: Final = Environment(
    loader=PackageLoader("daypass.edge.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE: Final = _templates.get_template("style.css").render()
_STYLE_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

SECURITY_HEADERS: Final[Headers] = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'".encode(),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)

_KINDS: Final = {
    PrincipalKind.FEDERATED_USER: "a federated user",
    PrincipalKind.ROLE_SESSION: "a role session",
}


def refused() -> RawResponse:
    """What AWS answers to a Session or a SigninToken that is not good, whatever is wrong with it."""
    return _page(
        400,
        "message.html",
        title="Invalid credentials parameter",
        text="The request sent by the client was syntactically incorrect.",
    )


def failed(status: int, text: str) -> RawResponse:
    return _page(status, "message.html", title="That did not work", text=text)


def signed_out() -> RawResponse:
    return _page(
        401,
        "message.html",
        title="You are not signed in",
        text="A session opens with a sign-in link made from temporary credentials, and ends with them. "
        "Ask whoever gave you the link for a new one.",
    )


async def console(
    session: ConsoleSession, authorizer: Authorizer, request: RawRequest, asked: Mapping[str, str]
) -> RawResponse:
    """Who is signed in, the policies in force, and the answer to `may I?`.

    asked: `action` and `resource` of the form on the page, if it was filled in.
    """
    caller = session.caller
    policies = await authorizer.policies(caller, None)
    action, resource = asked.get("action", "").strip(), asked.get("resource", "").strip() or "*"
    answer = None
    if action:
        question, decision = await authorizer.decide(caller, request, Check(action, resource), region="")
        allowed = decision.outcome is Outcome.ALLOWED
        answer = {
            "allowed": allowed,
            "reason": "" if allowed else decision.denial_message(question),
            "statements": [str(statement) for statement in decision.statements],
        }
    return _page(
        200,
        "console.html",
        arn=caller.principal.arn,
        kind=_KINDS.get(caller.principal.kind, str(caller.principal.kind)),
        account=caller.account.alias or caller.account.account_id,
        issuer=caller.principal.issuer_arn,
        tags=_session_tags(caller),
        expires=session.expires,
        remaining=_remaining(session.expires, request.received),
        sign_in_again=session.issuer,
        grants_nothing=caller.principal.kind is PrincipalKind.FEDERATED_USER and policies.session is None,
        groups=_groups(policies),
        action=action,
        resource="" if resource == "*" and not asked.get("resource") else resource,
        answer=answer,
    )


def _groups(policies: PolicySet) -> list[dict[str, Any]]:
    """The policies in force, by what they do to a request."""
    session = policies.session or ()
    groups = [
        ("What your session was given", "A request must be allowed here, and below as well.", session),
        ("What its issuer may do", "A session never has more than this.", policies.identity),
        ("Permissions boundary", "The most that is ever allowed.", (policies.boundary,) if policies.boundary else ()),
    ]
    return [
        {"title": title, "text": text, "policies": [_shown(policy) for policy in found]}
        for title, text, found in groups
        if found
    ]


def _shown(policy: Policy) -> dict[str, Any]:
    statements = json.loads(policy.text)["Statement"]
    rows = []
    for statement in statements if isinstance(statements, list) else [statements]:
        condition = statement.get("Condition")
        rows.append(
            {
                "effect": statement["Effect"],
                "actions": _texts(statement, "Action"),
                "resources": _texts(statement, "Resource"),
                "condition": "" if not condition else json.dumps(condition, indent=1, ensure_ascii=False),
            }
        )
    return {"id": policy.id, "statements": rows}


def _texts(statement: Mapping[str, Any], element: str) -> list[str]:
    for name, before in ((element, ""), (f"Not{element}", "all but ")):
        if name in statement:
            values = statement[name]
            return [before + str(value) for value in (values if isinstance(values, list) else [values])]
    return []


def _session_tags(caller: Caller) -> Mapping[str, str]:
    return {} if caller.session is None else caller.session.tags


def _remaining(expires: datetime, now: datetime) -> str:
    minutes = max(int((expires - now).total_seconds()) // 60, 0)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _page(status: int, template: str, **values: Any) -> RawResponse:
    text = _templates.get_template(template).render(style=_STYLE, **values)
    return RawResponse(status, ((b"content-type", b"text/html; charset=utf-8"),), text.encode())
