"""What a simulation is asked about: its parameters, checked, as one value.

Every refusal is InvalidInput. Nothing is looked up here: a simulated caller need not exist, and who may simulate
learns nothing of users by naming one.

Source: IAM API Reference, SimulateCustomPolicy, SimulatePrincipalPolicy, ContextEntry; texts as AWS answered in
public recordings of 2025 and 2026 and, where none was found, in their pattern.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from daypass import limits, names
from daypass.errors import ServiceError
from daypass.names import Arn
from daypass.policy import Policy, PolicyError, PolicyKind, Principal, PrincipalKind
from daypass.policy.conditions import parse_date, parse_number
from daypass.service.actions import ContextValue
from daypass.service.iam.faults import refusal
from daypass.service.iam.policy_sources import Source, resource_patterns
from daypass.service.ports import Role, User

IDENTITY: Final = "IAM Policy"
BOUNDARY: Final = "Permissions Boundary Policy"
RESOURCE: Final = "Resource Policy"

ANY_RESOURCE: Final = "*"
_LIST: Final = "List"  # ends the names of the types whose keys are multivalued
# What AWS gives a caller that the call leaves unnamed, as aws:userid.
_UNNAMED: Final = "STUB_PRINCIPAL_FOR_POLICY_SIMULATOR"


@dataclass(frozen=True, slots=True)
class Inputs:
    """A simulation.

    identity: the policies of the simulated caller. service_control: by level, from the root to the account.
    resources: ARNs; ANY_RESOURCE alone if none was passed.
    context: by lower-case key. supplied: those of its keys that the call passed.
    owner: of resources whose ARN does not name one; None if the resources' side is not simulated.
    """

    identity: tuple[Source, ...]
    boundary: Source | None
    resource: Source | None
    service_control: tuple[tuple[Source, ...], ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principal: Principal
    context: Mapping[str, ContextValue]
    supplied: frozenset[str]
    owner: str | None

    @property
    def explicit(self) -> bool:
        """Whether resources were passed."""
        return self.resources != (ANY_RESOURCE,)

    def named(self) -> tuple[Source, ...]:
        """Every policy that results may name: all but the service control policies."""
        return self.identity + tuple([source for source in (self.boundary, self.resource) if source is not None])

    def cost(self) -> int:
        """What simulating one action comes to, in characters of policies gone through."""
        policies = (*self.named(), *[source for level in self.service_control for source in level])
        chars = sum([len(source.policy.text) for source in policies])
        values = max([len(value) for value in self.context.values() if isinstance(value, tuple)], default=1)
        return len(self.resources) * (limits.SIMULATION_DECISION_CHARS + chars * values)


@dataclass(frozen=True, slots=True)
class Attached:
    """The policies of whom SimulatePrincipalPolicy is about, and the user or role that they are of; None of a group."""

    identity: tuple[Source, ...] = ()
    boundary: Source | None = None
    service_control: tuple[tuple[Source, ...], ...] = ()
    identity_of: User | Role | None = None


NOTHING_ATTACHED: Final = Attached()


def read(parameters: Mapping[str, Any], account_id: str, attached: Attached = NOTHING_ATTACHED) -> Inputs:
    """The simulation that the parameters of either action ask for. A boundary and service control policies that are
    passed stand in for those that are attached.

    account_id: of who asks.

    Raises:
        ServiceError: InvalidInput.
    """
    identity = tuple(policies(parameters.get("PolicyInputList", ())))
    actions, resources = _actions(parameters), _resources(parameters)
    principal = _principal(parameters, account_id, attached.identity_of)
    supplied = _context(parameters.get("ContextEntries", ()))
    inputs = Inputs(
        identity=attached.identity + identity,
        boundary=_boundary(parameters) or attached.boundary,
        resource=_resource_policy(parameters, principal, resources),
        service_control=tuple(_service_control(parameters)) or attached.service_control,
        actions=actions,
        resources=resources,
        principal=principal,
        context=_own_context(principal, attached.identity_of) | supplied,
        supplied=frozenset(supplied),
        owner=_owner(parameters, principal),
    )
    if inputs.cost() > limits.SIMULATION_CHARS:
        text = f"`{len(resources)}` resources are too many for policies of this size: simulate fewer at a time"
        raise refusal("InvalidInput", text)
    return inputs


# --- policies -----------------------------------------------------------------------------------------------


def policies(documents: Iterable[str]) -> Iterable[Source]:
    """PolicyInputList: identity-based policies."""
    for number, text in enumerate(documents, start=1):
        policy = _parsed(text, PolicyKind.IDENTITY, f"Policy input list item {number}")
        yield Source(policy, f"PolicyInputList.{number}", IDENTITY)


def _boundary(parameters: Mapping[str, Any]) -> Source | None:
    documents: Sequence[str] = parameters.get("PermissionsBoundaryPolicyInputList", ())
    if len(documents) > 1:
        raise refusal("InvalidInput", "The list of Permissions Boundary policies cannot exceed 1 items.")
    for text in documents:
        policy = _parsed(text, PolicyKind.BOUNDARY, "Permissions Boundary policy input list item 1")
        return Source(policy, "PermissionsBoundaryPolicyInputList.1", BOUNDARY)
    return None


def _service_control(parameters: Mapping[str, Any]) -> Iterable[tuple[Source, ...]]:
    for number, level in enumerate(parameters.get("OrderedOrganizationPolicyInputList", ()), start=1):
        documents = level.get("ServiceControlPolicyInputList", ())
        if not documents:
            text = f"Organization policy at index {number} must contain at least one service control policy"
            raise refusal("InvalidInput", text)
        what = f"Organization policy at index {number}"
        yield tuple([Source(_parsed(text, PolicyKind.SERVICE_CONTROL, what), "", "") for text in documents])


def _resource_policy(parameters: Mapping[str, Any], principal: Principal, resources: Sequence[str]) -> Source | None:
    text = parameters.get("ResourcePolicy")
    if text is None:
        return None
    if principal.arn is None:
        raise refusal("InvalidInput", "Invalid caller - Caller cannot be null or empty.")
    if ANY_RESOURCE in resources:
        raise refusal("InvalidInput", "Invalid Entity Arn: * does not clearly define entity type and name.")
    # What S3 asks of a new bucket policy is not asked: the resource may be of any service.
    policy = _parsed(text, PolicyKind.RESOURCE, "Resource policy", stored=True)
    if ANY_RESOURCE in resource_patterns(policy):
        raise _no_arn(ANY_RESOURCE)
    return Source(policy, "ResourcePolicy", RESOURCE)


def _parsed(text: str, kind: PolicyKind, what: str, *, stored: bool = False) -> Policy:
    try:
        return Policy.parse(text, kind, id=what, stored=stored)
    except PolicyError:
        raise refusal("InvalidInput", f"{what} has invalid content") from None


# --- actions and resources ----------------------------------------------------------------------------------


def _actions(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    actions: list[str] = parameters["ActionNames"]
    for action in actions:
        if ":" not in action:
            raise refusal("InvalidInput", "The action is invalid since it is missing names")
        if "*" in action or "?" in action:
            # AWS takes such a name literally, and so answers about an action that does not exist.
            raise refusal("InvalidInput", f"ActionNames do not support wildcards: {action}.")
    if "ResourceHandlingOption" in parameters:
        # The scenarios are EC2's; no action that Daypass serves has any.
        text = "Invalid input resource handling options. Action does not support resource handling options"
        raise refusal("InvalidInput", f"{text}: {actions[0]}.")
    return tuple(actions)


def _resources(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    resources: list[str] = parameters.get("ResourceArns", [ANY_RESOURCE])
    for text in resources:
        if text == ANY_RESOURCE and len(resources) == 1:
            continue
        arn = _arn(text)
        if arn is None or not (arn.partition and arn.service and arn.resource):
            raise _no_arn(text)
    return tuple(resources)


def _no_arn(text: str) -> ServiceError:
    return refusal("InvalidInput", f"ResourceNames are not in a valid ARN format: {text}.")


def _arn(text: str) -> Arn | None:
    try:
        return Arn.parse(text)
    except ValueError:
        return None


# --- the caller and the owner -------------------------------------------------------------------------------


def user_name(arn: Arn | None) -> str | None:
    """The name in a user's ARN; None if it is another ARN, or none."""
    if arn is None or (arn.partition, arn.service, arn.region) != (names.PARTITION, "iam", ""):
        return None
    kind, _, path_and_name = arn.resource.partition("/")
    if kind != "user" or not names.is_account_id(arn.account_id):
        return None
    return path_and_name.rpartition("/")[2] or None


def _principal(parameters: Mapping[str, Any], account_id: str, identity: User | Role | None) -> Principal:
    """The user that is named, else the user or some session of the role that is looked at, else a user without name."""
    text: str | None = parameters.get("CallerArn")
    if isinstance(identity, User) and text in (None, identity.arn):
        return Principal(PrincipalKind.USER, identity.arn, identity.account_id, identity.user_id)
    if isinstance(identity, Role) and text is None:
        return Principal(
            PrincipalKind.ROLE_SESSION, None, identity.account_id, issuer_arn=identity.arn, issuer_id=identity.role_id
        )
    if text is None:
        return Principal(PrincipalKind.USER, None, account_id)
    arn = _arn(text)
    if arn is None or user_name(arn) is None:
        # A session of a role cannot be named to AWS either (IAM API Reference, SimulatePrincipalPolicy, CallerArn).
        raise refusal("InvalidInput", "Invalid caller - Caller must be an IAM user in this context.")
    return Principal(PrincipalKind.USER, text, arn.account_id)


def _own_context(principal: Principal, identity: User | Role | None) -> dict[str, ContextValue]:
    """The keys that follow from who calls. Those of a user that is looked at are what its requests have, those of a
    role what the requests of any of its sessions have."""
    context: dict[str, ContextValue] = {"aws:principalaccount": principal.account_id or ""}
    if principal.kind is PrincipalKind.ROLE_SESSION and isinstance(identity, Role):
        context |= {
            "aws:principalarn": identity.arn,
            "aws:principaltype": "AssumedRole",
            "aws:userid": f"{identity.role_id}:{_UNNAMED}",
        }
        return context | _principal_tags(identity)
    if principal.arn is None:
        return context | {"aws:userid": _UNNAMED}
    context |= {
        "aws:principalarn": principal.arn,
        "aws:username": principal.arn.rpartition("/")[2],
        "aws:userid": principal.arn,
    }
    if not isinstance(identity, User) or principal.arn != identity.arn:
        return context
    context |= {"aws:userid": identity.user_id, "aws:principaltype": "User"}
    return context | _principal_tags(identity)


def _principal_tags(identity: User | Role) -> dict[str, ContextValue]:
    return {f"aws:principaltag/{key.lower()}": value for key, value in identity.tags.items()}


def _owner(parameters: Mapping[str, Any], principal: Principal) -> str | None:
    text: str | None = parameters.get("ResourceOwner")
    if text is None:
        return principal.account_id if "ResourcePolicy" in parameters else None
    arn = _arn(text)
    if arn is None or (arn.service, arn.region) != ("iam", "") or not names.is_account_id(arn.account_id):
        raise refusal("InvalidInput", f"'{text}' is not a valid as a Resource Owner.")  # AWS's grammar
    return arn.account_id


# --- context ------------------------------------------------------------------------------------------------


def _is_truth(text: str) -> bool:
    return text.lower() in ("true", "false")


def _is_address(text: str) -> bool:
    try:
        return not getattr(ip_address(text), "scope_id", None)
    except ValueError:
        return False


def _is_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode("ascii") == text
    except (binascii.Error, ValueError):
        return False


# Type without `List` → whether a text is one of its values, and AWS's words for what they are.
_TYPES: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "string": (lambda text: True, ""),
    "numeric": (lambda text: parse_number(text) is not None, "numeric format"),
    "boolean": (_is_truth, "boolean format"),
    "ip": (_is_address, "IP address"),
    "binary": (_is_base64, "base-64 encoded binary format"),
    "date": (lambda text: parse_date(text) is not None, "DateTime format"),
}


def _context(entries: Iterable[Mapping[str, Any]]) -> dict[str, ContextValue]:
    context: dict[str, ContextValue] = {}
    for entry in entries:
        name = entry.get("ContextKeyName")
        if name is None:
            raise refusal("InvalidInput", "ContextKeyName cannot be null or empty.")
        if name.lower() in context:
            raise refusal("InvalidInput", f"Duplicate context key: {name}.")
        context[name.lower()] = _value(name, entry)
    return context


def _value(name: str, entry: Mapping[str, Any]) -> ContextValue:
    kind: str | None = entry.get("ContextKeyType")
    values: list[str] = entry.get("ContextKeyValues", [])
    if kind is None:
        raise refusal("InvalidInput", f"Context key {name} has invalid type null.")
    if not values:
        raise refusal("InvalidInput", f"Context values for context key {name} cannot be null or empty.")
    if not kind.endswith(_LIST) and len(values) > 1:
        text = f"Context key {kind} expected a single value, but received {len(values)}."  # AWS names the type
        raise refusal("InvalidInput", text)
    is_value, expected = _TYPES[kind.removesuffix(_LIST)]
    for value in values:
        if len(value) > limits.SIMULATION_CONTEXT_VALUE_CHARS:
            text = f"a value of context key {name} has more than {limits.SIMULATION_CONTEXT_VALUE_CHARS} characters"
            raise refusal("InvalidInput", text)
        if not is_value(value):
            raise refusal("InvalidInput", f"Invalid context value for key {name}: expected {expected}.")
    return tuple(values) if kind.endswith(_LIST) else values[0]
