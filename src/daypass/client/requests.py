"""What a token service is asked, as frozen values: one that exists keeps the service's constraints.

Each request is made whole, or copied with a change: `request.with_duration_seconds(900)`. Two with the same content are
equal, and may be keys of a cache.

Source: the input shapes of the STS model, and its prose for what they do not say (ten policy ARNs, distinct tags).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, ClassVar, Generic, Self, TypeVar

from daypass import limits
from daypass.client.errors import InvalidParameterValue, Unreachable, ValidationError
from daypass.client.policy_builder import PolicyBuilder
from daypass.client.protocol import Parameters, check
from daypass.client.results import (
    AssumedRole,
    CallerIdentity,
    FederationToken,
    SessionToken,
    WebIdentityRole,
)

Result = TypeVar("Result")
PolicyDocument = str | Mapping[str, Any] | PolicyBuilder
Tags = Mapping[str, str] | Iterable[tuple[str, str]]


class Request(Generic[Result]):
    """A call of one operation, which its answer belongs to."""

    __slots__ = ()
    operation: ClassVar[str]
    result: ClassVar[type[Any]]

    def read(self, answer: Mapping[str, Any]) -> Result:
        """The operation's answer as a value. answer: under the model's member names.

        Raises:
            Unreachable: it lacks what no STS leaves out, though the model requires no member of an answer.
        """
        try:
            value: Result = self.result.of(answer)
        except KeyError as missing:
            raise Unreachable(f"the answer to {self.operation} is not of STS: it holds no {missing.args[0]}") from None
        return value

    def parameters(self) -> Parameters:
        """Under the model's member names; what was not said is not among them."""
        return {}


@dataclass(frozen=True, slots=True)
class GetCallerIdentityRequest(Request[CallerIdentity]):
    operation: ClassVar[str] = "GetCallerIdentity"
    result: ClassVar = CallerIdentity


class _SessionRequest(Request[Result]):
    """What the requests for a new session share. Their fields are the model's members, in Python's letters."""

    __slots__ = ()

    def parameters(self) -> Parameters:
        found: dict[str, Any] = {}
        for each in fields(self):  # type: ignore[arg-type]  # because every subclass is a dataclass
            value = getattr(self, each.name)
            if value is not None and value != ():
                found[_member_name(each.name)] = _SHAPED.get(each.name, _as_it_is)(value)
        return found

    def _set(self, **values: object) -> None:
        """Fills the new value, and holds it against the service's constraints."""
        for name, value in values.items():
            object.__setattr__(self, name, _NORMAL.get(name, _as_it_is)(value))
        check(self.operation, self.parameters())
        _check_prose(self.parameters())

    def _copy(self, **changes: Any) -> Self:
        return replace(self, **changes)  # type: ignore[type-var]  # because every subclass is a dataclass

    def with_duration_seconds(self, duration_seconds: int | timedelta | None) -> Self:
        return self._copy(duration_seconds=duration_seconds)

    def with_minimum_session_token_size(self, minimum_session_token_size: int | None) -> Self:
        """Bytes that the token is padded to at least, so that its size tells less."""
        return self._copy(minimum_session_token_size=minimum_session_token_size)


class _PolicyRequest(_SessionRequest[Result]):
    """And those that take a policy."""

    __slots__ = ()

    def with_policy(self, policy: PolicyDocument | None) -> Self:
        return self._copy(policy=policy)


class _NarrowedRequest(_PolicyRequest[Result]):
    """And those that take managed policies as well."""

    __slots__ = ()

    def with_policy_arns(self, *policy_arns: str) -> Self:
        return self._copy(policy_arns=policy_arns)


@dataclass(frozen=True, slots=True, init=False)
class GetFederationTokenRequest(_NarrowedRequest[FederationToken]):
    """Credentials for somebody without an account: what the caller may do AND what the policies say.

    Without a policy they may do nothing, unless a resource policy names them.
    """

    operation: ClassVar[str] = "GetFederationToken"
    result: ClassVar = FederationToken
    name: str
    policy: str | None
    duration_seconds: int | None
    policy_arns: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    minimum_session_token_size: int | None

    def __init__(
        self,
        name: str,
        policy: PolicyDocument | None = None,
        duration_seconds: int | timedelta | None = None,
        policy_arns: Iterable[str] = (),
        tags: Tags = (),
        minimum_session_token_size: int | None = None,
    ) -> None:
        """Raises ValidationError or InvalidParameterValue, as the service would."""
        self._set(
            name=name,
            policy=policy,
            duration_seconds=duration_seconds,
            policy_arns=policy_arns,
            tags=tags,
            minimum_session_token_size=minimum_session_token_size,
        )

    def with_name(self, name: str) -> Self:
        return self._copy(name=name)

    def with_tags(self, tags: Tags) -> Self:
        return self._copy(tags=tags)


@dataclass(frozen=True, slots=True, init=False)
class AssumeRoleRequest(_NarrowedRequest[AssumedRole]):
    """A session of a role: what the role may do, and what the policies, if there are any, say as well."""

    operation: ClassVar[str] = "AssumeRole"
    result: ClassVar = AssumedRole
    role_arn: str
    role_session_name: str
    policy: str | None
    duration_seconds: int | None
    policy_arns: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    transitive_tag_keys: tuple[str, ...]
    external_id: str | None
    serial_number: str | None
    token_code: str | None = field(repr=False)
    source_identity: str | None
    minimum_session_token_size: int | None

    def __init__(
        self,
        role_arn: str,
        role_session_name: str,
        policy: PolicyDocument | None = None,
        duration_seconds: int | timedelta | None = None,
        policy_arns: Iterable[str] = (),
        tags: Tags = (),
        transitive_tag_keys: Iterable[str] = (),
        external_id: str | None = None,
        serial_number: str | None = None,
        token_code: str | None = None,
        source_identity: str | None = None,
        minimum_session_token_size: int | None = None,
    ) -> None:
        """Raises ValidationError or InvalidParameterValue, as the service would."""
        self._set(
            role_arn=role_arn,
            role_session_name=role_session_name,
            policy=policy,
            duration_seconds=duration_seconds,
            policy_arns=policy_arns,
            tags=tags,
            transitive_tag_keys=transitive_tag_keys,
            external_id=external_id,
            serial_number=serial_number,
            token_code=token_code,
            source_identity=source_identity,
            minimum_session_token_size=minimum_session_token_size,
        )

    def with_role_session_name(self, role_session_name: str) -> Self:
        return self._copy(role_session_name=role_session_name)

    def with_tags(self, tags: Tags) -> Self:
        return self._copy(tags=tags)

    def with_source_identity(self, source_identity: str | None) -> Self:
        return self._copy(source_identity=source_identity)


@dataclass(frozen=True, slots=True, init=False)
class AssumeRoleWithWebIdentityRequest(_NarrowedRequest[WebIdentityRole]):
    """A session of a role for the bearer of an OpenID Connect token. Needs no credentials; the token is in no repr."""

    operation: ClassVar[str] = "AssumeRoleWithWebIdentity"
    result: ClassVar = WebIdentityRole
    role_arn: str
    role_session_name: str
    web_identity_token: str = field(repr=False)
    policy: str | None
    duration_seconds: int | None
    policy_arns: tuple[str, ...]
    minimum_session_token_size: int | None

    def __init__(
        self,
        role_arn: str,
        role_session_name: str,
        web_identity_token: str,
        policy: PolicyDocument | None = None,
        duration_seconds: int | timedelta | None = None,
        policy_arns: Iterable[str] = (),
        minimum_session_token_size: int | None = None,
    ) -> None:
        """Raises ValidationError, as the service would."""
        self._set(
            role_arn=role_arn,
            role_session_name=role_session_name,
            web_identity_token=web_identity_token,
            policy=policy,
            duration_seconds=duration_seconds,
            policy_arns=policy_arns,
            minimum_session_token_size=minimum_session_token_size,
        )


@dataclass(frozen=True, slots=True, init=False)
class GetScopedCredentialsRequest(_PolicyRequest[SessionToken]):
    """Narrower credentials of the session that asks: the same identity, with a further policy, a nearer end, or both.

    It can be asked for again with the credentials that come back; each time only narrows.
    """

    operation: ClassVar[str] = "GetScopedCredentials"
    result: ClassVar = SessionToken
    policy: str | None
    duration_seconds: int | None
    minimum_session_token_size: int | None

    def __init__(
        self,
        policy: PolicyDocument | None = None,
        duration_seconds: int | timedelta | None = None,
        minimum_session_token_size: int | None = None,
    ) -> None:
        """Raises ValidationError, as the service would."""
        self._set(
            policy=policy,
            duration_seconds=duration_seconds,
            minimum_session_token_size=minimum_session_token_size,
        )


@dataclass(frozen=True, slots=True, init=False)
class GetSessionTokenRequest(_SessionRequest[SessionToken]):
    """The caller's own permissions in credentials that end; with an MFA device's code they say that it was used."""

    operation: ClassVar[str] = "GetSessionToken"
    result: ClassVar = SessionToken
    duration_seconds: int | None
    serial_number: str | None
    token_code: str | None = field(repr=False)
    minimum_session_token_size: int | None

    def __init__(
        self,
        duration_seconds: int | timedelta | None = None,
        serial_number: str | None = None,
        token_code: str | None = None,
        minimum_session_token_size: int | None = None,
    ) -> None:
        """Raises ValidationError, as the service would."""
        self._set(
            duration_seconds=duration_seconds,
            serial_number=serial_number,
            token_code=token_code,
            minimum_session_token_size=minimum_session_token_size,
        )


# --- fields ------------------------------------------------------------------------------------------------------


def _member_name(name: str) -> str:
    """`role_session_name` → `RoleSessionName`."""
    return "".join([part.capitalize() for part in name.split("_")])


def _as_it_is(value: Any) -> Any:
    return value


def _policy_text(policy: PolicyDocument | None) -> str | None:
    """A mapping is written as small as JSON gets."""
    if isinstance(policy, PolicyBuilder):
        return policy.text()
    if isinstance(policy, Mapping):
        return json.dumps(policy, separators=(",", ":"))
    return policy


def _seconds(duration: int | timedelta | None) -> int | None:
    return int(duration.total_seconds()) if isinstance(duration, timedelta) else duration


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    if isinstance(texts, str):
        raise TypeError("a list of texts is needed, not one text")  # it would be taken letter by letter
    return tuple(texts)


def _pairs(tags: Tags) -> tuple[tuple[str, str], ...]:
    """In one order, so that it makes no difference."""
    return tuple(sorted(tags.items() if isinstance(tags, Mapping) else tags))


_NORMAL: dict[str, Callable[[Any], Any]] = {
    "policy": _policy_text,
    "duration_seconds": _seconds,
    "policy_arns": _texts,
    "tags": _pairs,
    "transitive_tag_keys": _texts,
}
_SHAPED: dict[str, Callable[[Any], Any]] = {
    "policy_arns": lambda arns: [{"arn": arn} for arn in arns],
    "tags": lambda tags: [{"Key": key, "Value": value} for key, value in tags],
}


def _check_prose(parameters: Parameters) -> None:
    """What the model's constraints do not say.

    Raises:
        ValidationError: more than ten policy ARNs.
        InvalidParameterValue: tags that differ at most in case.
    """
    arns = [descriptor["arn"] for descriptor in parameters.get("PolicyArns", ())]
    if len(arns) > limits.SESSION_POLICY_ARNS:
        raise ValidationError(
            "ValidationError",
            400,
            f"1 validation error detected: Value '[{', '.join(arns)}]' at 'policyArns' failed to satisfy constraint: "
            f"Member must have length less than or equal to {limits.SESSION_POLICY_ARNS}",
        )
    keys = [tag["Key"].lower() for tag in parameters.get("Tags", ())]
    if len(set(keys)) < len(keys):
        raise InvalidParameterValue(
            "InvalidParameterValue",
            400,
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        )
