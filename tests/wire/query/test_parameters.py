"""A form's parameters by the operation's model: what is delivered, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from daypass import limits
from daypass.errors import ServiceError
from daypass.wire import model, query
from daypass.wire.model import Operation, Service, StructureShape
from support.requests import form_request, request_of
from support.samples import sample

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors"
STS = model.load("sts")
IAM = model.load("iam")
OPERATIONS = [(service, operation) for service in (STS, IAM) for operation in service.operations.values()]
PUBLISHED = [row for row in OPERATIONS if row[1].name != "GetScopedCredentials"]  # announced; botocore lacks it
VALUE = [("Tags.member.1.Value", "v")]
POLICY_ARN = "arn:aws:iam::123456789012:policy/p"


def call_of(action: str, parameters: list[tuple[str, str]], service: Service = STS) -> query.Call:
    return query.parse_call(service, query.parse_form(form_request(action, service.api_version, parameters)))


def refusal_of(action: str, parameters: list[tuple[str, str]], service: Service = STS) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        call_of(action, parameters, service)
    return refused.value


@pytest.mark.parametrize(
    "row", json.loads((VECTORS / "query_parameters.json").read_text()), ids=lambda row: row["name"]
)
def test_parameters_are_delivered_or_refused_in_awss_words(row: dict[str, Any]) -> None:
    service = model.load(row["service"])
    form = [(name, value) for name, value in row["form"]]
    if "parameters" in row:
        assert call_of(row["action"], form, service).parameters == row["parameters"]
    else:
        error = refusal_of(row["action"], form, service)
        assert (error.code, error.status, error.fault) == (row["code"], 400, "Sender")
        assert error.message == row["message"]


# --- lengths (recorded: code points are counted, and the value is echoed whole) ------------------------------


def test_lengths_count_code_points() -> None:
    error = refusal_of("GetFederationToken", [("Name", "bob"), ("Policy", "😀" * 2048)])
    assert error.message is not None
    assert error.message.startswith("1 validation error detected: ")
    assert error.message.endswith(r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+")


def test_a_decomposed_letter_counts_two() -> None:
    error = refusal_of("GetFederationToken", [("Name", "bob"), ("Tags.member.1.Key", "e\u0301" * 64 + "a"), *VALUE])
    assert error.message is not None
    assert "Member must have length less than or equal to 128" in error.message


def test_a_policy_that_is_too_long_is_echoed_whole() -> None:
    policy = "{" + " " * 2047 + "}"
    error = refusal_of("GetFederationToken", [("Name", "bob"), ("Policy", policy)])
    assert error.message == (
        f"1 validation error detected: Value '{policy}' at 'policy' failed to satisfy constraint: "
        "Member must have length less than or equal to 2048"
    )


def test_a_policy_of_the_longest_length_passes() -> None:
    policy = "{" + "ÿ" * 2046 + "}"
    assert call_of("GetFederationToken", [("Name", "bob"), ("Policy", policy)]).parameters["Policy"] == policy


def test_a_policy_may_have_any_length_where_the_model_gives_no_maximum() -> None:
    form = [("RoleArn", "arn:aws:iam::123456789012:role/r"), ("RoleSessionName", "ok"), ("Policy", " " * 5000)]
    assert len(call_of("AssumeRole", form).parameters["Policy"]) == 5000


# --- lists ---------------------------------------------------------------------------------------------------


def tags(count: int) -> list[tuple[str, str]]:
    pairs = [[(f"Tags.member.{n}.Key", f"k{n}"), (f"Tags.member.{n}.Value", "")] for n in range(1, count + 1)]
    return [pair for both in pairs for pair in both]


def test_fifty_tags_pass() -> None:
    assert len(call_of("GetFederationToken", [("Name", "bob"), *tags(50)]).parameters["Tags"]) == 50


def test_fifty_one_tags_are_one_fault_of_the_list_echoed_as_java_prints_it() -> None:
    error = refusal_of("GetFederationToken", [("Name", "bob"), *tags(51)])
    echoed = ", ".join(f"{{key=k{n}, value=}}" for n in range(1, 52))
    assert error.message == (
        f"1 validation error detected: Value '[{echoed}]' at 'tags' failed to satisfy constraint: "
        "Member must have length less than or equal to 50"
    )


def test_the_fault_of_a_list_comes_before_those_of_its_elements() -> None:
    error = refusal_of("TagUser", [("UserName", "u"), *tags(50), ("Tags.member.51.Key", "!")], IAM)
    assert error.message == (
        "3 validation errors detected: "
        "Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50; "
        "Value at 'tags.51.member.key' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+; "
        "Value at 'tags.51.member.value' failed to satisfy constraint: Member must not be null"
    )


def test_a_list_is_bounded_whether_the_model_bounds_it_or_not() -> None:
    form = [(f"PolicyArns.member.{n}.arn", POLICY_ARN) for n in range(limits.QUERY_LIST_ELEMENTS)]
    assert len(call_of("GetFederationToken", [("Name", "bob"), *form]).parameters["PolicyArns"]) == len(form)
    error = refusal_of("GetFederationToken", [("Name", "bob"), *form, ("PolicyArns.member.1000.arn", POLICY_ARN)])
    assert (error.code, error.message) == ("MalformedInput", "a list has more than 1000 elements")


@pytest.mark.parametrize("number", ["-1", "+1", "1_0", "١", "²", "9999999999", " 1", ""])
def test_a_list_number_is_at_most_nine_ascii_digits(number: str) -> None:
    error = refusal_of("GetFederationToken", [("Name", "bob"), (f"PolicyArns.member.{number}.arn", POLICY_ARN)])
    assert error.code == "MalformedInput"


def test_a_name_with_very_many_parts_is_refused_before_a_tree_is_built() -> None:
    error = refusal_of("GetFederationToken", [("Name", "bob"), ("Tags" + ".a" * 100_000, "x")])
    assert (error.code, error.message) == ("MalformedInput", "Unexpected complex element termination")


def test_an_unknown_name_with_very_many_parts_is_ignored() -> None:
    assert call_of("GetFederationToken", [("Name", "bob"), ("Tag" + ".a" * 100_000, "x")]).parameters == {"Name": "bob"}


# --- maps and unions (IAM has them) --------------------------------------------------------------------------


def test_a_map_is_delivered_by_its_keys() -> None:
    form = [
        ("Properties.entry.1.key", "Colour"),
        ("Properties.entry.1.value", "red"),
        ("Properties.entry.2.key", "Size"),
        ("Properties.entry.2.value", "10"),
    ]
    assert call_of("PutAccountProperties", form, IAM).parameters["Properties"] == {"Colour": "red", "Size": "10"}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ([("Properties.entry.1.key", "Colour")], "Unexpected map element termination"),
        ([("Properties.entry.1.value", "red")], "Unexpected map element termination"),
        ([("Properties.entry.1", "red")], "Unexpected map element termination"),
        ([("Properties.1.key", "red")], "Top level element may not be treated as a list"),
        (
            [(f"Properties.entry.{n}.{side}", "same") for n in (1, 2) for side in ("key", "value")],
            "a key of `properties` is repeated",
        ),
    ],
)
def test_a_map_that_does_not_fit_is_refused(form: list[tuple[str, str]], message: str) -> None:
    error = refusal_of("PutAccountProperties", form, IAM)
    assert (error.code, error.message) == ("MalformedInput", message)


def test_a_fault_in_a_map_names_its_entry() -> None:
    form = [("Properties.entry.3.key", "1st"), ("Properties.entry.3.value", "")]
    error = refusal_of("PutAccountProperties", form, IAM)
    assert error.message is not None
    assert "'properties.1.entry.key'" in error.message
    assert "'properties.1.entry.value'" in error.message


def test_of_a_union_exactly_one_member_is_set() -> None:
    operation = IAM.operations["SimulatePrincipalPolicy"]
    assert operation.input is not None
    union = operation.input.members["PolicyExclusionList"].shape.element  # type: ignore[union-attr]  # a list in the model
    assert isinstance(union, StructureShape)
    first, second = [*union.members][:2]
    form = [
        ("PolicySourceArn", "arn:aws:iam::123456789012:user/u"),
        ("ActionNames.member.1", "s3:GetObject"),
        (f"PolicyExclusionList.member.1.{first}", sample(union.members[first].shape)),
        (f"PolicyExclusionList.member.1.{second}", sample(union.members[second].shape)),
    ]
    error = refusal_of("SimulatePrincipalPolicy", form, IAM)
    assert (error.code, error.message) == (
        "MalformedInput",
        "exactly one member of `policyExclusionList.1.member` must be set",
    )


# --- secrets -------------------------------------------------------------------------------------------------


def test_no_sensitive_member_of_any_operation_is_ever_echoed() -> None:
    refused = 0
    for service, operation in OPERATIONS:
        for member in operation.input.members.values() if operation.input else ():
            if getattr(member.shape, "sensitive", False):
                outcome = _outcome([(member.name, "\x00\x01Hidden\x02" * 30_000)], operation.name, service)
                assert "Hidden" not in str(outcome)
                refused += isinstance(outcome, ServiceError)
    assert refused >= 5


def test_a_calls_repr_shows_none_of_its_parameters() -> None:
    assert "hidden-name" not in repr(call_of("GetFederationToken", [("Name", "hidden-name")]))


# --- AWS's own serialiser ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def botocore_models() -> dict[str, Any]:
    session = botocore.session.Session()
    return {name: session.get_service_model(name) for name in ("sts", "iam")}


@pytest.mark.parametrize("whole", [True, False], ids=["every member", "required members"])
@pytest.mark.parametrize(("service", "operation"), PUBLISHED, ids=lambda value: value.name)
def test_what_botocore_sends_arrives_as_it_was_meant(
    botocore_models: dict[str, Any], service: Service, operation: Operation, whole: bool
) -> None:
    parameters = {} if operation.input is None else sample(operation.input, whole=whole)
    shape = botocore_models[service.name].operation_model(operation.name)
    sent = create_serializer("query", include_validation=False).serialize_to_request(parameters, shape)
    request = request_of(sent["method"], body=urlencode(sent["body"]).encode())
    call = query.parse_call(service, query.parse_form(request))
    assert call.operation is operation
    assert call.parameters == parameters


# --- anything at all -----------------------------------------------------------------------------------------

PARTS = [
    "Name",
    "Policy",
    "PolicyArns",
    "Tags",
    "DurationSeconds",
    "member",
    "entry",
    "Key",
    "Value",
    "arn",
    "1",
    "2",
    "",
]
NAMES = st.lists(st.one_of(st.sampled_from(PARTS), st.text(st.characters(codec="utf-8"), max_size=3)), max_size=5).map(
    ".".join
)
VALUES = st.one_of(
    st.sampled_from(["", "bob", "900", "-1", POLICY_ARN, "{}"]), st.text(st.characters(codec="utf-8"), max_size=30)
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12))
def test_any_parameters_are_a_call_with_all_that_was_known_or_are_refused(pairs: list[tuple[str, str]]) -> None:
    outcome = _outcome([("Name", "bob"), *pairs])
    if isinstance(outcome, ServiceError):
        assert outcome.code in {"ValidationError", "MalformedInput"}
        assert outcome.status == 400
        return
    # Whatever counts under a known name, and is no empty list, has arrived.
    first = dict(reversed([("Name", "bob"), *pairs]))
    texts = {"Name", "Policy", "DurationSeconds"}
    sent = {name.partition(".")[0] for name, value in first.items() if value or name in texts}
    assert sent & {*texts, "PolicyArns", "Tags"} <= outcome.parameters.keys()
    arns = [value for name, value in first.items() if name.startswith("PolicyArns.") and value]
    assert len(arns) == len(outcome.parameters.get("PolicyArns", []))


def _outcome(
    pairs: list[tuple[str, str]], action: str = "GetFederationToken", service: Service = STS
) -> query.Call | ServiceError:
    try:
        return call_of(action, pairs, service)
    except ServiceError as error:
        return error


@given(
    st.text(
        st.characters(
            max_codepoint=0xFF,
            exclude_characters="".join(map(chr, [*range(9), 11, 12, *range(14, 32)])),
            min_codepoint=9,
        ),
        min_size=1,
        max_size=2048,
    )
)
def test_a_policy_of_the_characters_it_may_have_arrives_as_it_was_sent(policy: str) -> None:
    assert call_of("GetFederationToken", [("Name", "bob"), ("Policy", policy)]).parameters["Policy"] == policy
