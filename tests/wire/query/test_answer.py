"""Results and errors as AWS lays them out: to the byte where AWS's bytes are known, by botocore's parser elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from daypass.errors import ServiceError, internal_failure
from daypass.names import Secret
from daypass.wire import model, query
from daypass.wire.model import (
    BooleanShape,
    IntegerShape,
    ListShape,
    MapShape,
    Operation,
    Service,
    Shape,
    StringShape,
    StructureShape,
    TimestampShape,
)
from support.samples import sample

STS = model.load("sts")
IAM = model.load("iam")
OPERATIONS = [(service, operation) for service in (STS, IAM) for operation in service.operations.values()]
PUBLISHED = [row for row in OPERATIONS if row[1].name != "GetScopedCredentials"]  # announced; botocore lacks it
REQUEST_ID = "e2de7fd1-2a86-4837-b15a-96fff1388061"
EXPIRES = datetime(2026, 9, 30, 20, 43, 17, 999_999, tzinfo=UTC)
FEDERATION_TOKEN = {
    "Credentials": {
        "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY",
        "SessionToken": "AQoDYXdzEPT//////////wEXAMPLE==",
        "Expiration": EXPIRES,
    },
    "FederatedUser": {
        "Arn": "arn:aws:sts::123456789012:federated-user/Bob",
        "FederatedUserId": "123456789012:Bob",
    },
    "PackedPolicySize": 4,
    "SessionTokenSize": None,
}


def rendered(action: str, result: dict[str, Any], *, service: Service = STS, json: bool = False) -> str:
    return query.render_result(service, service.operations[action], result, REQUEST_ID, json=json).decode()


def test_the_answer_to_get_federation_token_is_laid_out_as_aws_does() -> None:
    # Assembled from the recorded rules: no declaration, two spaces, order and newline at the end.
    assert rendered("GetFederationToken", FEDERATION_TOKEN) == (
        """\
<GetFederationTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetFederationTokenResult>
    <FederatedUser>
      <FederatedUserId>123456789012:Bob</FederatedUserId>
      <Arn>arn:aws:sts::123456789012:federated-user/Bob</Arn>
    </FederatedUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT//////////wEXAMPLE==</SessionToken>
      <Expiration>2026-09-30T20:43:17Z</Expiration>
    </Credentials>
    <PackedPolicySize>4</PackedPolicySize>
  </GetFederationTokenResult>
  <ResponseMetadata>
    <RequestId>e2de7fd1-2a86-4837-b15a-96fff1388061</RequestId>
  </ResponseMetadata>
</GetFederationTokenResponse>
"""
    )


def test_the_answer_to_get_caller_identity_has_the_recorded_order() -> None:
    identity = {"UserId": "AIDACKCEVSQ6C2EXAMPLE", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root"}
    assert rendered("GetCallerIdentity", identity) == (
        """\
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:root</Arn>
    <UserId>AIDACKCEVSQ6C2EXAMPLE</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>e2de7fd1-2a86-4837-b15a-96fff1388061</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
"""
    )


def test_an_operation_without_a_result_is_answered_with_its_metadata_alone() -> None:
    assert rendered("DeleteUser", {}, service=IAM) == (
        """\
<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <ResponseMetadata>
    <RequestId>e2de7fd1-2a86-4837-b15a-96fff1388061</RequestId>
  </ResponseMetadata>
</DeleteUserResponse>
"""
    )


def test_lists_are_members_and_an_empty_list_is_an_empty_element() -> None:
    answer = rendered("ListGroupsForUser", {"Groups": [], "IsTruncated": False}, service=IAM)
    assert "    <Groups/>\n    <IsTruncated>false</IsTruncated>\n" in answer
    names = rendered("ListUserPolicies", {"PolicyNames": ["a", "b"], "IsTruncated": True}, service=IAM)
    assert (
        "    <PolicyNames>\n      <member>a</member>\n      <member>b</member>\n    </PolicyNames>\n"
        "    <IsTruncated>true</IsTruncated>\n"
    ) in names


def test_a_time_is_written_in_utc_and_whole_seconds() -> None:
    abroad = EXPIRES.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert abroad.utcoffset() == timedelta(hours=5, minutes=30)
    answer = rendered("GetSessionToken", {"Credentials": {"Expiration": abroad}})
    assert "<Expiration>2026-09-30T20:43:17Z</Expiration>" in answer


def test_a_naive_time_is_our_fault() -> None:
    with pytest.raises(ValueError, match="naive"):
        rendered("GetSessionToken", {"Credentials": {"Expiration": datetime(2026, 9, 30)}})  # noqa: DTZ001  the point


@pytest.mark.parametrize("json", [False, True])
def test_a_result_member_that_the_model_does_not_know_is_our_fault(json: bool) -> None:
    with pytest.raises(KeyError, match="Acount"):
        rendered("GetCallerIdentity", {"Acount": "123456789012"}, json=json)


def test_a_result_where_there_is_none_is_our_fault() -> None:
    with pytest.raises(KeyError, match="DeleteUser has no result"):
        rendered("DeleteUser", {"UserName": "u"}, service=IAM)


def whole_result(action: str) -> dict[str, Any]:
    """Every member of an STS action's result, with texts that need no escaping."""

    def plain(shape: Shape, name: str) -> Any:
        match shape:
            case StructureShape():
                return {member.name: plain(member.shape, member.name) for member in shape.members.values()}
            case TimestampShape():
                return EXPIRES
            case IntegerShape():
                return 7
            case _:
                return f"text of {name}"

    output = STS.operations[action].output
    assert output is not None
    result = plain(output, action)
    assert isinstance(result, dict)
    return result


def test_a_secret_is_not_written_by_accident() -> None:
    with pytest.raises(TypeError):
        rendered("GetSessionToken", {"Credentials": {"SecretAccessKey": Secret("x")}})
    whole = whole_result("GetSessionToken")
    assert set(whole["Credentials"]) == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
    whole["Credentials"]["SecretAccessKey"] = Secret("x")
    with pytest.raises(TypeError):
        rendered("GetSessionToken", whole)


@pytest.mark.parametrize("character", ["&", "<", ">"])
@pytest.mark.parametrize("action", ["GetFederationToken", "AssumeRole", "GetCallerIdentity", "GetSessionToken"])
def test_a_character_to_escape_changes_nothing_else_of_an_answer(action: str, character: str) -> None:
    whole = whole_result(action)
    member = whole if action == "GetCallerIdentity" else whole["Credentials"]
    name = "Arn" if action == "GetCallerIdentity" else "SessionToken"
    member[name] = "aSIGNb%sc"
    without = rendered(action, whole)
    assert without.count("SIGN") == 1
    member[name] = f"a{character}b%sc"
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
    assert rendered(action, whole) == without.replace("SIGN", escapes[character])


def test_a_member_left_out_changes_nothing_else_of_an_answer() -> None:
    whole = whole_result("GetFederationToken")
    lines = rendered("GetFederationToken", whole).splitlines(keepends=True)
    del whole["FederatedUser"]["Arn"]
    whole["PackedPolicySize"] = None
    gone = ("<Arn>", "<PackedPolicySize>")
    assert rendered("GetFederationToken", whole) == "".join(
        [line for line in lines if not line.strip().startswith(gone)]
    )


# --- errors --------------------------------------------------------------------------------------------------


def test_an_error_is_laid_out_as_aws_does_to_the_recorded_length() -> None:
    error = ServiceError("InvalidClientTokenId", 403, "The security token included in the request is invalid")
    answer = query.render_error(STS.namespace, error, "16fc956c-311e-4199-bee1-1680236e9698").decode()
    assert answer == (
        """\
<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>InvalidClientTokenId</Code>
    <Message>The security token included in the request is invalid</Message>
  </Error>
  <RequestId>16fc956c-311e-4199-bee1-1680236e9698</RequestId>
</ErrorResponse>
"""
    )
    assert len(answer) == 305  # Content-Length of that answer, github.com/aws-azure-login issue 251


def test_an_error_may_have_no_message_element() -> None:
    answer = query.render_error(STS.namespace, ServiceError("MalformedInput", 400, None), REQUEST_ID).decode()
    assert "<Code>MalformedInput</Code>\n  </Error>" in answer


def test_invalid_action_has_a_namespace_of_its_own() -> None:
    error = ServiceError("InvalidAction", 400, "Could not find operation X for version Y")
    answer = query.render_error(IAM.namespace, error, REQUEST_ID).decode()
    assert answer.startswith('<ErrorResponse xmlns="http://webservices.amazon.com/AWSFault/2005-15-09">\n')


def test_our_own_fault_is_the_receivers() -> None:
    assert "<Type>Receiver</Type>" in query.render_error(STS.namespace, internal_failure(), REQUEST_ID).decode()


def test_apostrophes_are_not_escaped_and_markup_is() -> None:
    error = ServiceError("ValidationError", 400, "Value '<a href=\"b\">&' at 'name'")
    assert "Value '&lt;a href=\"b\"&gt;&amp;' at 'name'" in query.render_error("n", error, REQUEST_ID).decode()


def test_what_xml_cannot_hold_is_a_question_mark() -> None:
    unholdable = [*range(9), 11, 12, *range(14, 32), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF]
    error = ServiceError("X", 400, "".join(map(chr, unholdable)))
    document = _document(query.render_error("n", error, REQUEST_ID))
    assert document.findtext("{n}Error/{n}Message") == "?" * len(unholdable)


@given(message=st.text(st.characters(exclude_categories=[])), code=st.text(max_size=5))
def test_any_error_is_a_document_that_says_its_message(message: str, code: str) -> None:
    document = _document(query.render_error("n", ServiceError(code, 400, message), REQUEST_ID))
    assert document.findtext("{n}Error/{n}Message") == _holdable(message)
    assert document.findtext("{n}Error/{n}Code") == _holdable(code)


@pytest.mark.parametrize("error", [ServiceError("AccessDenied", 403, "it's <no>"), internal_failure()])
def test_botocore_reads_an_error_as_it_was_meant(error: ServiceError) -> None:
    response = {
        "body": query.render_error(STS.namespace, error, REQUEST_ID),
        "headers": {},
        "status_code": error.status,
    }
    parsed = create_parser("query").parse(response, None)
    assert parsed["Error"] == {"Code": error.code, "Message": error.message, "Type": error.fault}
    assert parsed["ResponseMetadata"]["RequestId"] == REQUEST_ID


# --- JSON, for those who ask for it --------------------------------------------------------------------------


def test_a_result_in_json_has_times_as_seconds_since_the_epoch() -> None:
    answer = json.loads(rendered("GetFederationToken", FEDERATION_TOKEN, json=True))
    result = answer["GetFederationTokenResponse"]["GetFederationTokenResult"]
    assert result["Credentials"]["Expiration"] == 1_790_800_997
    assert result["FederatedUser"] == FEDERATION_TOKEN["FederatedUser"]
    assert "SessionTokenSize" not in result
    assert answer["GetFederationTokenResponse"]["ResponseMetadata"] == {"RequestId": REQUEST_ID}


def test_an_operation_without_a_result_has_its_metadata_alone_in_json_too() -> None:
    answer = json.loads(rendered("DeleteUser", {}, service=IAM, json=True))
    assert answer == {"DeleteUserResponse": {"ResponseMetadata": {"RequestId": REQUEST_ID}}}


def test_an_error_in_json_is_as_recorded() -> None:
    error = ServiceError("Throttling", 400, "Rate exceeded")
    assert query.render_error(STS.namespace, error, "r", json=True) == (
        b'{"Error":{"Code":"Throttling","Message":"Rate exceeded","Type":"Sender"},"RequestId":"r"}'
    )


@given(st.text(st.characters(exclude_categories=[])))
def test_any_error_is_json_that_says_its_message(message: str) -> None:
    answer = json.loads(query.render_error("n", ServiceError("X", 400, message), REQUEST_ID, json=True))
    assert answer["Error"]["Message"] == message.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(("service", "operation"), OPERATIONS, ids=lambda value: value.name)
def test_every_operation_has_an_answer_in_json(service: Service, operation: Operation) -> None:
    result = {} if operation.output is None else sample(operation.output)
    answer = json.loads(query.render_result(service, operation, result, REQUEST_ID, json=True))
    inner = answer[f"{operation.name}Response"]
    assert inner.pop("ResponseMetadata") == {"RequestId": REQUEST_ID}
    if operation.output is not None:
        assert inner[operation.result_wrapper].keys() == result.keys()


# --- AWS's own parser ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def botocore_models() -> dict[str, Any]:
    session = botocore.session.Session()
    return {name: session.get_service_model(name) for name in ("sts", "iam")}


def _as_botocore_reads(models: dict[str, Any], service: Service, operation: Operation, answer: bytes) -> Any:
    shape = models[service.name].operation_model(operation.name).output_shape
    parsed = create_parser("query").parse({"body": answer, "headers": {}, "status_code": 200}, shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == REQUEST_ID
    return parsed


@pytest.mark.parametrize(("service", "operation"), PUBLISHED, ids=lambda value: value.name)
def test_botocore_reads_every_answer_as_it_was_meant(
    botocore_models: dict[str, Any], service: Service, operation: Operation
) -> None:
    result = {} if operation.output is None else sample(operation.output)
    answer = query.render_result(service, operation, result, REQUEST_ID)
    assert _as_botocore_reads(botocore_models, service, operation, answer) == result


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Any values of the shape's type; its constraints do not matter to a writer."""
    match shape:
        case StructureShape():
            return st.fixed_dictionaries(
                {}, optional={name: values(each.shape) for name, each in shape.members.items()}
            )
        case ListShape():
            return st.lists(values(shape.element), max_size=2)
        case MapShape():
            return st.dictionaries(values(shape.key), values(shape.value), max_size=2)
        case StringShape():
            return st.text(max_size=8)
        case IntegerShape():
            return st.integers()
        case BooleanShape():
            return st.booleans()
        case TimestampShape():
            return st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  its form
        case _:
            return st.binary(max_size=8)


@given(data=st.data())
def test_botocore_reads_any_answer_as_it_was_meant(botocore_models: dict[str, Any], data: st.DataObject) -> None:
    service, operation = data.draw(st.sampled_from([pair for pair in PUBLISHED if pair[1].output]))
    assert operation.output is not None
    result = data.draw(values(operation.output))
    answer = query.render_result(service, operation, result, REQUEST_ID)
    assert _as_botocore_reads(botocore_models, service, operation, answer) == _written(result)


def _written(value: Any) -> Any:
    """What is left of a value when it is written: whole seconds, and the characters of XML."""
    match value:
        case dict():
            return {_written(key): _written(item) for key, item in value.items()}
        case list():
            return [_written(item) for item in value]
        case datetime():
            return value.replace(microsecond=0)
        case str():
            return _holdable(value)
        case _:
            return value


def _document(answer: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(answer)  # noqa: S314  our own document


def _holdable(text: str) -> str:
    return "".join(character if _is_xml(ord(character)) else "?" for character in text)


def _is_xml(number: int) -> bool:
    # XML 1.0, production 2, Char.
    return number in (9, 10, 13) or 0x20 <= number <= 0xD7FF or 0xE000 <= number <= 0xFFFD or number >= 0x10000
