"""Middleware that makes any Python service speak Signature Version 4 and IAM policy.

A request reaches the service only if Daypass's authorizer allows it; who called and what decided stand beside it, in
the ASGI scope or the WSGI environment, under `daypass`.

    from daypass.middleware import Authorizer, SigV4Middleware

    def rule(method, path):                       # which permission a request needs
        return "reports:Read", f"arn:aws:reports:::{path.removeprefix('/')}"

    app = SigV4Middleware(app, Authorizer("unix:/run/daypass/authorizer.sock"), service="reports", rule=rule)

This package stands alone: it talks to the authorizer over HTTP and imports nothing of the server.
"""

from daypass.middleware.asgi import SigV4Middleware
from daypass.middleware.authorizer import Answer, Authorizer, AuthorizerUnavailable, Rule
from daypass.middleware.wsgi import SigV4WsgiMiddleware

__all__ = ["Answer", "Authorizer", "AuthorizerUnavailable", "Rule", "SigV4Middleware", "SigV4WsgiMiddleware"]
