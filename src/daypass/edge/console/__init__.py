"""The federation endpoint, and the console page that it opens: who I am, what I may do, and until when.

    GET or POST /federation?Action=getSigninToken&Session=…    → {"SigninToken": "…"}
    GET or POST /federation?Action=login&SigninToken=…          → 302 to the console, signed in
    GET or POST /federation?Action=logout                       → signed out
    GET /_daypass/console                                       the page

`/_daypass/federation` is the same endpoint; no bucket can have that name, and one called `federation` keeps its own
address, because S3 has no parameter called Action.
"""

from daypass.edge.console.federation import Console

__all__ = ["Console"]
