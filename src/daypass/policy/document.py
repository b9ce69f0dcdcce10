"""The policy grammar: a JSON text → its checked elements, or PolicyError with the offending element's path.

A syntax error ends the reading. All else is noted, and of several faults the one is raised that AWS looks for
first (PolicyFault's order). What only S3 asks of a bucket policy is daypass.policy.bucket_policy's.

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; the recorded replies of CreatePolicy,
CreateRole, GetFederationToken and PutBucketPolicy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from daypass import limits
from daypass.policy import bucket_policy
from daypass.policy.conditions import Comparison, is_saved_date
from daypass.policy.faults import ASKED_OF_NEW, PolicyError, PolicyFault, PolicyKind
from daypass.policy.principals import ANYONE, Principals, parse_principals
from daypass.policy.resource_format import fails_legacy_parsing, resource_fault
from daypass.policy.statement import text_of, texts

CURRENT_VERSION: Final = "2012-10-17"
_VERSIONS: Final = frozenset({"2008-10-17", CURRENT_VERSION})

# `Conditions` beside Statement is no element of the grammar, but IAM has been seen to let it pass.
_TOP_ELEMENTS: Final = frozenset({"Version", "Id", "Statement", "Conditions"})
_STATEMENT_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_EFFECTS: Final = frozenset({"Allow", "Deny"})
_SID: Final = re.compile(r"[0-9A-Za-z]*", re.ASCII)
_ACTION: Final = re.compile(r"\*|(?:\*|[0-9A-Za-z.-]*):[^:]*", re.ASCII)
_TRUST_ACTIONS: Final = frozenset(
    {
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:setcontext",
        "sts:setsourceidentity",
        "sts:tagsession",
    }
)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a kind of policy asks of its documents.

    principal: "forbidden", "required", or "everyone" where only `*` may stand.
    plain_sids, unique_sids: whether Sids are letters and digits only; whether each is used once.
    largest: of the text, in characters; of a bucket policy in UTF-8 bytes.
    quota: of the text without white space, in characters.
    """

    principal: str = "forbidden"
    resource: bool = True
    plain_sids: bool = True
    unique_sids: bool = True
    largest: int = limits.POLICY_DOCUMENT_CHARS
    quota: int = limits.POLICY_DOCUMENT_CHARS


_RULES: Final = {
    PolicyKind.IDENTITY: _Rules(),
    PolicyKind.BOUNDARY: _Rules(),
    PolicyKind.SESSION: _Rules(),
    PolicyKind.RESOURCE: _Rules(
        principal="required",
        plain_sids=False,
        unique_sids=False,
        largest=limits.BUCKET_POLICY_BYTES,
    ),
    PolicyKind.ROLE_TRUST: _Rules(
        principal="required",
        resource=False,
        plain_sids=False,
        quota=limits.TRUST_POLICY_CHARS,
    ),
    PolicyKind.SERVICE_CONTROL: _Rules(quota=limits.SERVICE_CONTROL_POLICY_CHARS),
    PolicyKind.RESOURCE_CONTROL: _Rules(principal="everyone", quota=limits.SERVICE_CONTROL_POLICY_CHARS),
}

_SYNTAX_TEXT: Final = "Syntax errors in policy."
_LEGACY_TEXT: Final = "The policy failed legacy parsing"
_NOT_JSON_TEXTS: Final = {
    PolicyKind.SESSION: "The policy is not in the valid JSON format.",
    PolicyKind.ROLE_TRUST: "This policy contains invalid Json",
    PolicyKind.RESOURCE: "This policy contains invalid Json",
}
_FIRST_BYTE_TEXT: Final = "Policies must be valid JSON and the first byte must be '{'"
_SID_TEXT: Final = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
)
_TRUST_TEXT: Final = "AssumeRole policy may only specify STS AssumeRole actions."


@dataclass(frozen=True, slots=True)
class Document:
    """A checked document. variables: whether `${…}` is special in it.

    statements: as decoded; every member is of the type that the grammar gives it.
    principals: of each statement, where the kind has them.
    """

    variables: bool
    statements: list[dict[str, Any]]
    principals: list[Principals | None]


def quota_size(text: str) -> int:
    """Characters as IAM's quotas count them: without white space."""
    return len(text) - sum([text.count(space) for space in " \t\r\n"])


def check(text: str | bytes, kind: PolicyKind, *, managed: bool, stored: bool) -> tuple[str, Document]:
    """The text as a str, and its checked document.

    managed, stored: as Policy.parse says.

    Raises:
        PolicyError: it is no policy of that kind.
    """
    decoded = _decode(text, kind, stored)
    check = _Check(kind, managed)
    checked = check.document(_load(decoded, kind))
    faults = [fault for fault in check.faults if not stored or fault.fault not in ASKED_OF_NEW]
    if faults:
        raise min(faults, key=lambda fault: fault.fault.value)
    return decoded, checked


# --- JSON ---------------------------------------------------------------------------------------------------


class _Number(str):
    """A JSON number as written: as text its digits survive, and a million of them cost nothing."""

    __slots__ = ()


class _Repeated(dict[str, object]):
    """A JSON object in which a key stands twice: no type that the grammar knows."""


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    decoded = dict(members)
    return decoded if len(decoded) == len(members) else _Repeated(decoded)


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
)


def _decode(text: str | bytes, kind: PolicyKind, stored: bool) -> str:
    rules = _RULES[kind]
    try:
        encoded = text if isinstance(text, bytes) or text.isascii() else text.encode()
        decoded = text.decode() if isinstance(text, bytes) else text
    except UnicodeError:
        raise PolicyError(PolicyFault.NOT_JSON, "", _not_json_text(kind, "")) from None
    size, largest = len(encoded) if kind is PolicyKind.RESOURCE else len(decoded), rules.largest
    if rules.quota < size <= largest:
        size, largest = quota_size(decoded), rules.quota
    if size > largest and not stored:
        raise PolicyError(PolicyFault.TOO_LARGE, "", f"the policy's size is `{size}`, more than `{largest}`")
    return decoded


def _load(text: str, kind: PolicyKind) -> object:
    if kind is PolicyKind.RESOURCE and not text.startswith("{"):
        raise PolicyError(PolicyFault.NOT_JSON, "", _FIRST_BYTE_TEXT)
    try:
        decoded = _JSON.decode(text)
        if "\\u" in text:
            # An escape may spell half of a surrogate pair, which no answer or log could be written with.
            json.dumps(decoded, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise PolicyError(PolicyFault.NOT_JSON, "", _not_json_text(kind, text)) from None
    return decoded


def _not_json_text(kind: PolicyKind, text: str) -> str:
    if kind is PolicyKind.RESOURCE and not text.startswith("{"):
        return _FIRST_BYTE_TEXT
    return _NOT_JSON_TEXTS.get(kind, _SYNTAX_TEXT)


# --- the grammar --------------------------------------------------------------------------------------------


class _Check:
    """One reading of one document.

    index: of the statement that is being read; None outside of them. faults: what was noted on the way.
    """

    def __init__(self, kind: PolicyKind, managed: bool) -> None:
        self.kind = kind
        self.managed = managed
        self.rules = _RULES[kind]
        self.index: int | None = None
        self.faults: list[PolicyError] = []
        self.sids: set[str] = set()

    def document(self, decoded: object) -> Document:
        if type(decoded) is not dict:
            self.syntax("")
        if not _TOP_ELEMENTS.issuperset(decoded):
            name = next(name for name in decoded if name not in _TOP_ELEMENTS)
            self.syntax(name, f"Unknown field {name}")
        version = decoded.get("Version")
        if "Version" in decoded and (type(version) is not str or version not in _VERSIONS):
            self.syntax("Version", "The policy must contain a valid version string")
        if type(decoded.get("Id", "")) is not str:
            self.syntax("Id")
        if self.managed and version != CURRENT_VERSION:
            self.note(PolicyFault.VERSION, "Version", "Policy document must be version 2012-10-17 or greater.")
        statements = self.statements(decoded)
        principals = []
        for index, statement in enumerate(statements):
            self.index = index
            principals.append(self.statement(statement))
        return Document(version == CURRENT_VERSION, statements, principals)

    def statements(self, decoded: dict[str, Any]) -> list[dict[str, Any]]:
        statements = decoded.get("Statement")
        if "Statement" not in decoded:
            self.syntax("Statement", "Missing required field Statement")
        if type(statements) is dict:
            return [statements]
        if type(statements) is not list:
            self.syntax("Statement")
        if not statements:
            self.syntax("Statement", "Could not parse the policy: Statement is empty!")
        return statements

    def statement(self, statement: dict[str, Any]) -> Principals | None:
        if type(statement) is not dict:
            self.syntax("")
        if not _STATEMENT_ELEMENTS.issuperset(statement):
            name = next(name for name in statement if name not in _STATEMENT_ELEMENTS)
            self.syntax(name, f"Unknown field {name}")
        if "Sid" in statement:
            self.sid(statement["Sid"])
        effect = statement.get("Effect")
        if type(effect) is not str or effect not in _EFFECTS:
            self.effect(effect)
        self.action(*self.listed(statement, "Action", "NotAction"))
        name, resources = self.listed(statement, "Resource", "NotResource")
        if self.rules.resource:
            self.resource(name, resources)
        elif name in statement:
            self.note(PolicyFault.RESOURCE_PROHIBITED, name, "Has prohibited field Resource")
        if "Condition" in statement:
            self.condition(statement["Condition"])
        principals = None
        if self.rules.principal != "forbidden" or "Principal" in statement or "NotPrincipal" in statement:
            principals = self.principal(statement)
        if self.kind is PolicyKind.RESOURCE:
            for fault, name, text in bucket_policy.faults(statement):
                self.note(fault, name, text)
        return principals

    def sid(self, sid: object) -> None:
        if type(sid) is not str:
            self.syntax("Sid")
        if not sid:
            return
        if self.rules.unique_sids and sid in self.sids:
            self.note(PolicyFault.DUPLICATE_SID, "Sid", "Statement IDs (SID) in a single policy must be unique.")
        self.sids.add(sid)
        if self.rules.plain_sids and not _SID.fullmatch(sid):
            self.note(PolicyFault.SID_CHARACTERS, "Sid", _SID_TEXT)

    def effect(self, effect: object) -> None:
        """An effect that is not right as it stands: IAM forgives its case a while longer than S3."""
        if effect is None:
            self.syntax("Effect", "Missing required field Effect")
        if type(effect) is not str or effect.capitalize() not in _EFFECTS or self.kind is PolicyKind.RESOURCE:
            self.syntax("Effect", f"Invalid effect: {effect}")
        self.note(PolicyFault.LEGACY_PARSING, "Effect", _LEGACY_TEXT)

    def action(self, name: str, actions: list[str | None]) -> None:
        if not actions or None in actions:
            text = "Missing required field Action" if self.kind is PolicyKind.RESOURCE else None
            self.note(PolicyFault.NO_ACTION, name, text or "Policy statement must contain actions.")
        for action in actions:
            if action is None:
                continue
            if not is_action(action):
                self.note(PolicyFault.ACTION_FORMAT, name, _action_text(action))
            if self.kind is PolicyKind.ROLE_TRUST and action.lower() not in _TRUST_ACTIONS:
                self.note(PolicyFault.TRUST_ACTION, name, _TRUST_TEXT)

    def resource(self, name: str, listed: list[str | None]) -> None:
        resources = [resource for resource in listed if resource is not None]
        if not resources:
            text = "Missing required field Resource" if self.kind is PolicyKind.RESOURCE else None
            self.note(PolicyFault.NO_RESOURCE, name, text or "Policy statement must contain resources.")
        if self.kind is PolicyKind.RESOURCE:
            return
        faulty = {resource: text for resource in resources if (text := resource_fault(resource)) is not None}
        if faulty:
            # IAM goes through a list in reverse order and keeps the last fault it meets.
            self.note(PolicyFault.RESOURCE_FORMAT, name, faulty[min(faulty)])
        elif any(fails_legacy_parsing(resource) for resource in resources):
            self.note(PolicyFault.LEGACY_PARSING, name, _LEGACY_TEXT)

    def condition(self, operators: object) -> None:
        if type(operators) is not dict:
            self.syntax("Condition")
        for operator, keys in operators.items():
            comparison = Comparison.parse(operator)
            if type(keys) is not dict or (len(keys) > 1 and len({key.lower() for key in keys}) != len(keys)):
                self.syntax(f"Condition.{operator}")
            if comparison is None:
                if keys:
                    self.syntax(f"Condition.{operator}", f"Invalid Condition type : {operator}")
                continue
            dates = comparison.operator.startswith("Date")
            for key, value in keys.items():
                for one in value if type(value) is list else (value,):
                    if type(one) is not str and type(one) is not bool and type(one) is not _Number:
                        self.syntax(f"Condition.{operator}.{key}")
                    if dates and not is_saved_date(text_of(one)):
                        self.note(PolicyFault.LEGACY_PARSING, f"Condition.{operator}.{key}", _LEGACY_TEXT)

    def principal(self, statement: dict[str, Any]) -> Principals | None:
        name = "NotPrincipal" if "NotPrincipal" in statement else "Principal"
        if name not in statement:
            self.note(PolicyFault.PRINCIPAL_REQUIRED, name, "Missing required field Principal")
            return None
        if name == "NotPrincipal" and "Principal" in statement:
            self.syntax(name)
        element = self.principal_element(statement[name], name)
        if self.rules.principal == "forbidden":
            session = self.kind is PolicyKind.SESSION
            text = "Policy document should not specify a principal." if session else "Has prohibited field Principal"
            self.note(PolicyFault.PRINCIPAL_PROHIBITED, name, text)
            return None
        if name == "NotPrincipal" and self.kind is not PolicyKind.RESOURCE:
            self.note(PolicyFault.PRINCIPAL_PROHIBITED, name, "Has prohibited field NotPrincipal")
        if name == "NotPrincipal" and statement.get("Effect") == "Allow":
            self.note(PolicyFault.NOT_PRINCIPAL_WITH_ALLOW, name, "Allow with NotPrincipal is not allowed.")
        if not element or not all(element.values() if isinstance(element, dict) else element):
            self.note(PolicyFault.EMPTY_PRINCIPAL, name, "Missing required field Principal cannot be empty!")
        principals = parse_principals(element)
        if principals is None or (self.rules.principal == "everyone" and element != ANYONE):
            self.note(PolicyFault.INVALID_PRINCIPAL, name, self.invalid_principal(element))
        return principals

    def principal_element(self, element: object, name: str) -> str | dict[str, tuple[str, ...]]:
        if type(element) is str:
            return element
        if type(element) is not dict:
            self.syntax(name)
        for provider, listed in element.items():
            for value in listed if type(listed) is list else (listed,):
                if type(value) is not str:
                    self.syntax(f"{name}.{provider}")
        return {provider: texts(listed) for provider, listed in element.items()}

    def invalid_principal(self, element: str | dict[str, tuple[str, ...]]) -> str:
        if self.kind is not PolicyKind.ROLE_TRUST or isinstance(element, str):
            return "Invalid principal in policy"
        for provider, listed in element.items():
            for value in listed:
                if parse_principals({provider: (value,)}) is None:
                    if provider == "Federated":
                        return "Federated principals must be valid domain names or SAML metadata ARNs"
                    written = "SERVICE" if provider == "Service" else provider
                    return f'Invalid principal in policy: "{written}":"{value}"'
        return "Invalid principal in policy"

    # --- shared by the checks above ---

    def listed(self, statement: dict[str, Any], name: str, negated: str) -> tuple[str, list[str | None]]:
        """Which of X and NotX the statement has, and its values; no values if it has neither."""
        if negated in statement:
            if name in statement:
                self.syntax(negated)
            name = negated
        elif name not in statement:
            return name, []
        element = statement[name]
        if type(element) is str:
            return name, [element]
        if type(element) is not list:
            self.syntax(name)
        for value in element:
            if type(value) is not str and value is not None:
                self.syntax(name)
        return name, element

    def syntax(self, name: str, s3_text: str = "Invalid policy syntax.") -> NoReturn:
        text = s3_text if self.kind is PolicyKind.RESOURCE else _SYNTAX_TEXT
        raise PolicyError(PolicyFault.SYNTAX, self.path(name), text)

    def note(self, fault: PolicyFault, name: str, text: str) -> None:
        self.faults.append(PolicyError(fault, self.path(name), text))

    def path(self, name: str) -> str:
        """The path of an element of the statement that is being read, or of the document."""
        if self.index is None:
            return name
        return f"Statement[{self.index}].{name}" if name else f"Statement[{self.index}]"


def is_action(text: str) -> bool:
    """Whether the text can stand as an Action: `*`, or a vendor and a name with one colon between them."""
    return _ACTION.fullmatch(text) is not None


def _action_text(action: str) -> str:
    """What IAM says of an action that is none."""
    vendor, colon, rest = action.partition(":")
    if not colon:
        return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    return "Actions/Condition can contain only one colon." if ":" in rest else f"Vendor {vendor} is not valid"
