"""AWS Security Token Service: one function per action, listed in ACTIONS.

Owns which action is performed by what, and which kinds of session may call it. Parameters arrive checked against the
model, and every check of the action's row has been allowed, before its function is called.

Source: AWS Security Token Service API Reference; its published model (wire/models/sts.json); IAM User Guide, "Compare
AWS STS credentials", for who may call what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from daypass.service.actions import Action, UnsignedAction
from daypass.service.sts import (
    assume_role,
    decode,
    delegated,
    federation,
    identity,
    outbound,
    root,
    saml,
    scoped,
    session_token,
    web_identity,
)
from daypass.token import FEDERATED_USER, ROLE_SESSION, USER_SESSION

_ROLES: Final = frozenset({ROLE_SESSION})
_USERS_AND_ROLES: Final = frozenset({USER_SESSION, ROLE_SESSION})
_SCOPED: Final = frozenset({USER_SESSION, ROLE_SESSION, FEDERATED_USER})

ACTIONS: Final[Mapping[str, Action | UnsignedAction]] = {
    "AssumeRole": Action(assume_role.assume_role, assume_role.assume_role_checks, _USERS_AND_ROLES),
    "AssumeRoleWithSAML": UnsignedAction(saml.assume_role_with_saml, saml.saml_checks),
    "AssumeRoleWithWebIdentity": UnsignedAction(
        web_identity.assume_role_with_web_identity, web_identity.web_identity_checks
    ),
    "AssumeRoot": Action(root.assume_root, root.assume_root_checks, _ROLES),
    "DecodeAuthorizationMessage": Action(decode.decode_authorization_message, decode.decode_checks, _ROLES),
    "GetAccessKeyInfo": Action(identity.get_access_key_info, identity.access_key_checks, _ROLES),
    "GetCallerIdentity": Action(identity.get_caller_identity, checks=None),
    "GetDelegatedAccessToken": Action(delegated.get_delegated_access_token, checks=None),
    # A session is told its permission first and then, in words of its own, that it may not.
    "GetFederationToken": Action(federation.get_federation_token, federation.federation_checks),
    "GetScopedCredentials": Action(scoped.get_scoped_credentials, scoped.scoped_checks, _SCOPED),
    "GetWebIdentityToken": Action(outbound.get_web_identity_token, outbound.web_identity_token_checks, _ROLES),
    "GetSessionToken": Action(session_token.get_session_token, checks=None),
}
