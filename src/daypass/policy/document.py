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

CURRENT_VERSION: Final = "2012-10-17"
_VERSIONS: Final = frozenset({"2008-10-17", CURRENT_VERSION})

# `Conditions` beside Statement is no element of the grammar, but IAM has been seen to let it pass.
_TOP_ELEMENTS: Final = frozenset({"Version", "Id", "Statement", "Conditions"})
_STATEMENT_ELEMENTS: Final = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_EFFECTS: Final = frozenset({"Allow", "Deny"})
_SID: Final = re.compile(r"[0-9A-Za-z]*", re.ASCII)
_VENDOR: Final = re.compile(r"[0-9A-Za-z.-]*", re.ASCII)
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
_NOT_JSON_TEXTS: Final = {
    PolicyKind.SESSION: "The policy is not in the valid JSON format.",
    PolicyKind.ROLE_TRUST: "This policy contains invalid Json",
    PolicyKind.RESOURCE: "This policy contains invalid Json",
}
_FIRST_BYTE_TEXT: Final = "Policies must be valid JSON and the first byte must be '{'"
_SID_TEXT: Final = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
)
_TRUST_TEXT: Final = (  # the two blanks are AWS's
    "Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML,  and "
    "sts:AssumeRoleWithWebIdentity"
)


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


def values(element: object) -> tuple[str, ...]:
    """The texts of a checked element that may be one value or a list; null is no value."""
    listed = element if isinstance(element, list) else [element]
    return tuple([_text(value) for value in listed if value is not None])


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


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
    """One reading of one document. path is what is being read; faults is what was noted on the way."""

    def __init__(self, kind: PolicyKind, managed: bool) -> None:
        self.kind = kind
        self.managed = managed
        self.rules = _RULES[kind]
        self.faults: list[PolicyError] = []
        self.sids: set[str] = set()

    def document(self, decoded: object) -> Document:
        if type(decoded) is not dict:
            self.syntax("")
        for name in decoded:
            if name not in _TOP_ELEMENTS:
                self.syntax(name, f"Unknown field {name}")
        version = decoded.get("Version")
        if "Version" in decoded and (type(version) is not str or version not in _VERSIONS):
            self.syntax("Version", "The policy must contain a valid version string")
        if type(decoded.get("Id", "")) is not str:
            self.syntax("Id")
        if self.managed and version != CURRENT_VERSION:
            self.note(PolicyFault.VERSION, "Version", "Policy document must be version 2012-10-17 or greater.")
        statements = self.statements(decoded)
        principals = [self.statement(statement, index) for index, statement in enumerate(statements)]
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

    def statement(self, statement: dict[str, Any], index: int) -> Principals | None:
        path = f"Statement[{index}]"
        if type(statement) is not dict:
            self.syntax(path)
        if not _STATEMENT_ELEMENTS.issuperset(statement):
            name = next(name for name in statement if name not in _STATEMENT_ELEMENTS)
            self.syntax(f"{path}.{name}", f"Unknown field {name}")
        self.sid(statement, path)
        self.effect(statement, path)
        self.action(statement, path)
        self.resource(statement, path)
        if "Condition" in statement:
            self.condition(statement["Condition"], f"{path}.Condition")
        principals = self.principal(statement, path)
        if self.kind is PolicyKind.RESOURCE:
            self.faults += bucket_policy.faults(statement, path)
        return principals

    def sid(self, statement: dict[str, Any], path: str) -> None:
        sid = statement.get("Sid", "")
        path += ".Sid"
        if type(sid) is not str:
            self.syntax(path)
        if not sid:
            return
        if self.rules.unique_sids and sid in self.sids:
            self.note(PolicyFault.DUPLICATE_SID, path, "Statement IDs (SID) in a single policy must be unique.")
        self.sids.add(sid)
        if self.rules.plain_sids and not _SID.fullmatch(sid):
            self.note(PolicyFault.SID_CHARACTERS, path, _SID_TEXT)

    def effect(self, statement: dict[str, Any], path: str) -> None:
        effect = statement.get("Effect")
        if type(effect) is str and effect in _EFFECTS:
            return
        path += ".Effect"
        if effect is None:
            self.syntax(path, "Missing required field Effect")
        if type(effect) is not str or effect.capitalize() not in _EFFECTS or self.kind is PolicyKind.RESOURCE:
            self.syntax(path, f"Invalid effect: {effect}")
        self.note(PolicyFault.LEGACY_PARSING, path, "The policy failed legacy parsing")

    def action(self, statement: dict[str, Any], path: str) -> None:
        name, actions = self.listed(statement, "Action", path)
        path = f"{path}.{name}"
        if not actions or None in actions:
            text = "Missing required field Action" if self.kind is PolicyKind.RESOURCE else None
            self.note(PolicyFault.NO_ACTION, path, text or "Policy statement must contain actions.")
        for action in actions:
            vendor, colon, rest = (action or "*").partition(":")
            if not colon:
                if vendor != "*":
                    self.note(
                        PolicyFault.ACTION_FORMAT,
                        path,
                        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                    )
            elif ":" in rest:
                self.note(PolicyFault.ACTION_FORMAT, path, "Actions/Condition can contain only one colon.")
            elif vendor != "*" and not _VENDOR.fullmatch(vendor):
                self.note(PolicyFault.ACTION_FORMAT, path, f"Vendor {vendor} is not valid")
            if self.kind is PolicyKind.ROLE_TRUST and (action or "").lower() not in _TRUST_ACTIONS:
                self.note(PolicyFault.TRUST_ACTION, path, _TRUST_TEXT)

    def resource(self, statement: dict[str, Any], path: str) -> None:
        name, listed = self.listed(statement, "Resource", path)
        path = f"{path}.{name}"
        resources = [resource for resource in listed if resource is not None]
        if not self.rules.resource:
            if name in statement:
                self.note(PolicyFault.RESOURCE_PROHIBITED, path, "Has prohibited field Resource.")
            return
        if not resources:
            text = "Missing required field Resource" if self.kind is PolicyKind.RESOURCE else None
            self.note(PolicyFault.NO_RESOURCE, path, text or "Policy statement must contain resources.")
        if self.kind is PolicyKind.RESOURCE:
            return
        texts = {resource: text for resource in resources if (text := resource_fault(resource)) is not None}
        if texts:
            # IAM goes through a list in reverse order and keeps the last fault it meets.
            self.note(PolicyFault.RESOURCE_FORMAT, path, texts[min(texts)])
        elif any(fails_legacy_parsing(resource) for resource in resources):
            self.note(PolicyFault.LEGACY_PARSING, path, "The policy failed legacy parsing")

    def condition(self, operators: object, path: str) -> None:
        if type(operators) is not dict:
            self.syntax(path)
        for operator, keys in operators.items():
            operator_path = f"{path}.{operator}"
            if type(keys) is not dict:
                self.syntax(operator_path)
            comparison = Comparison.parse(operator)
            if comparison is None and keys:
                self.syntax(operator_path, f"Invalid Condition type : {operator}")
            if len({key.lower() for key in keys}) != len(keys):
                self.syntax(operator_path)
            for key, value in keys.items():
                for one in value if type(value) is list else [value]:
                    if type(one) is not str and type(one) is not bool and type(one) is not _Number:
                        self.syntax(f"{operator_path}.{key}")
                    if operator.startswith("Date", operator.find(":") + 1) and not is_saved_date(_text(one)):
                        self.note(
                            PolicyFault.LEGACY_PARSING, f"{operator_path}.{key}", "The policy failed legacy parsing"
                        )

    def principal(self, statement: dict[str, Any], path: str) -> Principals | None:
        name = "NotPrincipal" if "NotPrincipal" in statement else "Principal"
        path = f"{path}.{name}"
        if name not in statement:
            if self.rules.principal != "forbidden":
                self.note(PolicyFault.PRINCIPAL_REQUIRED, path, "Missing required field Principal")
            return None
        if name == "NotPrincipal" and "Principal" in statement:
            self.syntax(path)
        element = self.principal_element(statement[name], path)
        if self.rules.principal == "forbidden":
            session = self.kind is PolicyKind.SESSION
            text = "Policy document should not specify a principal." if session else "Has prohibited field Principal"
            self.note(PolicyFault.PRINCIPAL_PROHIBITED, path, text)
            return None
        if name == "NotPrincipal" and self.kind is not PolicyKind.RESOURCE:
            self.note(PolicyFault.PRINCIPAL_PROHIBITED, path, "Has prohibited field NotPrincipal")
        if name == "NotPrincipal" and statement.get("Effect") == "Allow":
            self.note(PolicyFault.NOT_PRINCIPAL_WITH_ALLOW, path, "Allow with NotPrincipal is not allowed.")
        if not element or not all(element.values() if isinstance(element, dict) else element):
            self.note(PolicyFault.EMPTY_PRINCIPAL, path, "Missing required field Principal cannot be empty!")
        principals = parse_principals(element)
        if principals is None or (self.rules.principal == "everyone" and element != ANYONE):
            self.note(PolicyFault.INVALID_PRINCIPAL, path, self.invalid_principal(element))
        return principals

    def principal_element(self, element: object, path: str) -> str | dict[str, tuple[str, ...]]:
        if type(element) is str:
            return element
        if type(element) is not dict:
            self.syntax(path)
        for provider, listed in element.items():
            for value in listed if type(listed) is list else [listed]:
                if type(value) is not str:
                    self.syntax(f"{path}.{provider}")
        return {provider: values(listed) for provider, listed in element.items()}

    def invalid_principal(self, element: str | dict[str, tuple[str, ...]]) -> str:
        if self.kind is not PolicyKind.ROLE_TRUST or isinstance(element, str):
            return "Invalid principal in policy"
        provider, value = next(
            (provider, value)
            for provider, listed in element.items()
            for value in listed
            if parse_principals({provider: (value,)}) is None
        )
        return f'Invalid principal in policy: "{provider}":"{value}"'

    # --- shared by the checks above ---

    def listed(self, statement: dict[str, Any], name: str, path: str) -> tuple[str, list[str | None]]:
        """Which of X and NotX the statement has, and its values; no values if it has neither."""
        negated = f"Not{name}"
        if negated in statement:
            if name in statement:
                self.syntax(f"{path}.{negated}")
            name = negated
        elif name not in statement:
            return name, []
        element = statement[name]
        listed = element if type(element) is list else [element]
        for value in listed:
            if type(value) is not str and (value is not None or type(element) is not list):
                self.syntax(f"{path}.{name}")
        return name, listed

    def syntax(self, path: str, s3_text: str = "Invalid policy syntax.") -> NoReturn:
        raise PolicyError(PolicyFault.SYNTAX, path, s3_text if self.kind is PolicyKind.RESOURCE else _SYNTAX_TEXT)

    def note(self, fault: PolicyFault, path: str, text: str) -> None:
        self.faults.append(PolicyError(fault, path, text))
