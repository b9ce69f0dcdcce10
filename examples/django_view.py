"""Authorisation of a Django application in the IAM policy language, with daypass.policy alone.

The actions and ARNs are the application's own. Each group of users has a policy; what a user is, comes in as condition
keys, so that one policy serves everybody. A view says what it needs; nothing else in the application decides.

Try it, with Django or without:  python examples/django_view.py
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from daypass.policy import Outcome, Policy, PolicyKind, PolicySet, Principal, PrincipalKind, Request, decide, explain

try:
    from django.core.exceptions import PermissionDenied
    from django.http import HttpResponse
except ImportError:  # to try this file without Django

    class PermissionDenied(Exception):  # type: ignore[no-redef]  # stands in for Django's, which answers 403
        pass

    class HttpResponse:  # type: ignore[no-redef]  # stands in for Django's
        def __init__(self, content: str) -> None:
            self.content = content.encode()


log = logging.getLogger("app.authorisation")

ACCOUNT: Final = "111122223333"  # any twelve digits: the application's own account

# Parsed once, when the module is imported: a policy that is none keeps the application from starting.
# In your application these texts come from the database, or from files that `daypass policy check` has seen.
GROUPS: Final = {
    "staff": Policy.parse(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "ReadOwnDepartment",
                        "Effect": "Allow",
                        "Action": "reports:Read",
                        "Resource": f"arn:aws:reports::{ACCOUNT}:${{aws:PrincipalTag/department}}/*",
                    },
                    {
                        "Sid": "NobodyReadsDraftsFromOutside",
                        "Effect": "Deny",
                        "Action": "reports:*",
                        "Resource": f"arn:aws:reports::{ACCOUNT}:*/draft-*",
                        "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
                    },
                ],
            }
        ),
        PolicyKind.IDENTITY,
        id="staff",
    ),
    "editors": Policy.parse(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Sid": "WriteEverywhere",
                    "Effect": "Allow",
                    "Action": ["reports:Read", "reports:Write"],
                    "Resource": f"arn:aws:reports::{ACCOUNT}:*",
                },
            }
        ),
        PolicyKind.IDENTITY,
        id="editors",
    ),
}


def authorise(user: Any, source_ip: str, action: str, resource: str) -> None:
    """Returns if the user may; logs and raises PermissionDenied if not.

    source_ip: REMOTE_ADDR, or what a proxy that you trust says it is. Never a header that anyone can send.
    """
    request = Request(
        Principal(PrincipalKind.USER, f"arn:aws:iam::{ACCOUNT}:user/{user.username}", ACCOUNT),
        action,
        resource,
        {
            "aws:username": user.username,
            "aws:sourceip": source_ip,
            "aws:principaltag/department": user.department,
        },
    )
    policies = PolicySet(identity=tuple([GROUPS[name] for name in group_names(user) if name in GROUPS]))
    # A Decision has no truth value: compare its outcome, and let everything but this one be a denial.
    if decide(request, policies).outcome is Outcome.ALLOWED:
        return
    # Why, statement by statement, is for the log; who is refused learns no more than that.
    log.warning("%s", explain(request, policies).render())
    raise PermissionDenied


def group_names(user: Any) -> Iterable[str]:
    """Of Django's own groups, in a fixed order."""
    return sorted(user.groups.values_list("name", flat=True))


def needs(action: str, resource: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The view runs if the user may do the action. resource: an ARN with the view's arguments as `{name}`."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def checked(request: Any, **arguments: str) -> Any:
            authorise(request.user, request.META["REMOTE_ADDR"], action, resource.format(**arguments))
            return view(request, **arguments)

        return checked

    return decorate


@needs("reports:Read", f"arn:aws:reports::{ACCOUNT}:{{department}}/{{name}}")
def show_report(request: Any, *, department: str, name: str) -> HttpResponse:
    """In urls.py: path("<slug:department>/<slug:name>", show_report)."""
    return HttpResponse(f"the report {name} of {department}")


# --- to try it ------------------------------------------------------------------------------------------------


def main() -> None:
    from types import SimpleNamespace

    def user(username: str, department: str, *groups: str) -> Any:
        names = SimpleNamespace(values_list=lambda field, flat: list(groups))
        return SimpleNamespace(username=username, department=department, groups=names)

    alice, eve = user("alice", "finance", "staff"), user("eve", "sales", "staff", "editors")
    for who, address, department, name in (
        (alice, "10.0.0.7", "finance", "june"),
        (alice, "10.0.0.7", "sales", "june"),
        (alice, "10.0.0.7", "finance", "draft-july"),
        (alice, "203.0.113.9", "finance", "draft-july"),
        (eve, "10.0.0.7", "finance", "june"),
        (user("mallory", "finance"), "10.0.0.7", "finance", "june"),
    ):
        request = SimpleNamespace(user=who, META={"REMOTE_ADDR": address})
        try:
            answer = show_report(request, department=department, name=name).content.decode()
        except PermissionDenied:
            answer = "403 Forbidden"
        print(f"{who.username:8} {address:12} {department + '/' + name:19} {answer}")


if __name__ == "__main__":
    main()
