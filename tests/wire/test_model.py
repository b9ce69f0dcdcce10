"""The service models: that the committed ones are AWS's, that they load, and that their patterns read as Java's."""

from __future__ import annotations

import difflib
import importlib.util
import json
import re
import sys
import time
import unicodedata
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from daypass.wire import model
from daypass.wire.model import BlobShape, IntegerShape, ListShape, MapShape, Shape, StringShape, StructureShape

ROOT = Path(__file__).resolve().parent.parent.parent
PATTERNS = json.loads((ROOT / "tests/vectors/query_patterns.json").read_text())
SERVICES: tuple[model.ServiceName, ...] = ("sts", "iam", "s3")


@pytest.fixture(scope="module")
def distiller() -> ModuleType:
    spec = importlib.util.spec_from_file_location("distill_models", ROOT / "scripts/distill_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_models_are_those_of_the_installed_botocore(distiller: ModuleType, service: str) -> None:
    committed = (distiller.MODELS / f"{service}.json").read_text()
    published = distiller.written(distiller.distil(distiller.published(service)))
    difference = difflib.unified_diff(
        committed.splitlines(), published.splitlines(), "committed", "published by AWS", n=0, lineterm=""
    )
    assert committed == published, "\n" + "\n".join(difference)


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (lambda source: source["metadata"], "metadata"),
        (lambda source: source["operations"]["AssumeRole"], "AssumeRole"),
        (lambda source: source["shapes"]["Tag"], "Tag"),
        (lambda source: source["shapes"]["Tag"]["members"]["Key"], "Tag.Key"),
        (lambda source: source["shapes"]["tagListType"]["member"], "tagListType.member"),
    ],
)
def test_a_trait_that_the_distiller_does_not_know_stops_it(distiller: ModuleType, where: Any, name: str) -> None:
    source = distiller.published("sts")
    where(source)["newConstraint"] = 7
    with pytest.raises(distiller.UnknownTrait, match=f"`newConstraint` of {name}"):
        distiller.distil(source)


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_models_hold_no_prose(distiller: ModuleType, service: str) -> None:
    assert not re.search(r"documentation|deprecatedMessage|<p>", (distiller.MODELS / f"{service}.json").read_text())


def test_every_operation_of_the_three_services_is_there() -> None:
    assert {service: len(model.load(service).operations) for service in SERVICES} == {"sts": 12, "iam": 180, "s3": 116}


def test_the_overlay_has_what_aws_announced_and_the_model_lacks(distiller: ModuleType) -> None:
    overlay = json.loads((distiller.MODELS / "sts.overlay.json").read_text())
    assert list(overlay["operations"]) == ["GetScopedCredentials"]
    operation = model.load("sts").operations["GetScopedCredentials"]
    assert operation.input is not None
    assert list(operation.input.members) == ["Policy", "DurationSeconds", "MinimumSessionTokenSize"]
    duration = operation.input.members["DurationSeconds"].shape
    assert isinstance(duration, model.IntegerShape)
    assert (duration.min, duration.max) == (1, 129_600)
    assert {error.code for error in operation.errors} == {
        "MalformedPolicyDocument",
        "PackedPolicyTooLarge",
        "RegionDisabledException",
        "SessionDurationEscalationException",
    }


def test_an_overlay_never_replaces_what_the_model_has(
    distiller: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sts.json", "sts.overlay.json"):
        (tmp_path / name).write_bytes((distiller.MODELS / name).read_bytes())
    monkeypatch.setattr(model, "_MODELS", tmp_path)
    (tmp_path / "sts.overlay.json").write_text('{"operations": {"AssumeRole": {}}}')
    with pytest.raises(ValueError, match="has what the model has by now"):
        model.load.__wrapped__("sts")


def test_a_service_is_loaded_once() -> None:
    assert model.load("sts") is model.load("sts")


def test_a_service_that_was_not_distilled_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        model.load("ec2")  # type: ignore[arg-type]  # because the refusal is what is tested


def test_a_model_cannot_be_changed() -> None:
    service = model.load("sts")
    with pytest.raises(AttributeError):
        service.api_version = "x"  # type: ignore[misc]  # because the refusal is what is tested
    with pytest.raises(TypeError):
        service.operations["Mine"] = service.operations["AssumeRole"]  # type: ignore[index]  # likewise


def test_a_model_says_the_version_and_namespace_of_its_answers() -> None:
    said = {(name, model.load(name).api_version, model.load(name).namespace) for name in SERVICES}
    assert said == {
        ("sts", "2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/"),
        ("iam", "2010-05-08", "https://iam.amazonaws.com/doc/2010-05-08/"),
        ("s3", "2006-03-01", "http://s3.amazonaws.com/doc/2006-03-01/"),
    }


def test_only_the_two_operations_for_strangers_need_no_signature() -> None:
    unsigned = {
        (name, each.name) for name in SERVICES for each in model.load(name).operations.values() if each.unsigned
    }
    assert unsigned == {("sts", "AssumeRoleWithSAML"), ("sts", "AssumeRoleWithWebIdentity")}


def test_the_constraints_of_get_federation_token_are_those_published() -> None:
    operation = model.load("sts").operations["GetFederationToken"]
    assert operation.input is not None
    assert operation.result_wrapper == "GetFederationTokenResult"
    name = operation.input.members["Name"]
    assert isinstance(name.shape, StringShape)
    assert (name.required, name.shape.min, name.shape.max, name.shape.pattern) == (True, 2, 32, r"[\w+=,.@-]*")
    duration = operation.input.members["DurationSeconds"].shape
    assert isinstance(duration, IntegerShape)
    assert (duration.min, duration.max, duration.bits) == (900, 129_600, 32)
    tags = operation.input.members["Tags"].shape
    assert isinstance(tags, ListShape)
    assert (tags.max, tags.element.name) == (50, "Tag")
    assert {(error.code, error.status) for error in operation.errors} == {
        ("MalformedPolicyDocument", 400),
        ("PackedPolicyTooLarge", 400),
        ("RegionDisabledException", 403),
    }


def test_an_error_without_a_status_of_its_own_says_so() -> None:
    operation = model.load("iam").operations["EnableOrganizationsRootSessions"]
    assert ("OrganizationNotFoundException", None) in {(error.code, error.status) for error in operation.errors}


def test_what_the_model_calls_sensitive_is_known_as_such() -> None:
    assume = model.load("sts").operations["AssumeRoleWithWebIdentity"].input
    assert assume is not None
    sensitive = {
        name for name, each in assume.members.items() if isinstance(each.shape, StringShape) and each.shape.sensitive
    }
    assert sensitive == {"WebIdentityToken"}


@pytest.mark.parametrize(
    ("name", "method", "path", "fixed_query", "status"),
    [
        ("ListBuckets", "GET", "/", (), 200),
        ("ListObjectsV2", "GET", "/{Bucket}", (("list-type", "2"),), 200),
        ("CreateMultipartUpload", "POST", "/{Bucket}/{Key+}", (("uploads", ""),), 200),
        ("SelectObjectContent", "POST", "/{Bucket}/{Key+}", (("select", ""), ("select-type", "2")), 200),
        ("DeleteObject", "DELETE", "/{Bucket}/{Key+}", (), 204),
    ],
)
def test_an_s3_operation_says_how_it_is_recognised(
    name: str, method: str, path: str, fixed_query: tuple[tuple[str, str], ...], status: int
) -> None:
    operation = model.load("s3").operations[name]
    said = (operation.http_method, operation.path, operation.fixed_query, operation.response_status)
    assert said == (method, path, fixed_query, status)


@pytest.mark.parametrize(
    ("operation", "member", "location", "wire_name"),
    [
        ("PutObject", "Bucket", "uri", "Bucket"),
        ("PutObject", "ContentType", "header", "Content-Type"),
        ("PutObject", "Metadata", "headers", "x-amz-meta-"),
        ("PutObject", "Body", "payload", "Body"),
        ("UploadPart", "PartNumber", "querystring", "partNumber"),
        ("PutBucketTagging", "Tagging", "payload", "Tagging"),
    ],
)
def test_an_s3_member_says_where_it_travels_and_under_which_name(
    operation: str, member: str, location: str, wire_name: str
) -> None:
    shape = model.load("s3").operations[operation].input
    assert shape is not None
    assert (shape.members[member].location, shape.members[member].wire_name) == (location, wire_name)


def test_an_s3_body_that_is_streamed_says_so() -> None:
    shape = model.load("s3").operations["PutObject"].input
    assert shape is not None
    assert shape.payload == "Body"
    assert shape.members["Body"].streaming
    assert isinstance(shape.members["Body"].shape, BlobShape)


def test_a_list_without_an_element_around_it_says_so_whether_the_list_or_the_member_is_flattened() -> None:
    operations = model.load("s3").operations
    delete = operations["DeleteObjects"].input
    assert delete is not None
    listed = delete.members["Delete"].shape
    assert isinstance(listed, StructureShape)
    objects = listed.members["Objects"]
    assert (objects.flattened, objects.wire_name) == (True, "Object")
    put = operations["PutBucketAnalyticsConfiguration"].input
    assert put is not None
    assert _member(put, "AnalyticsConfiguration", "Filter", "And", "Tags").flattened


def test_operations_say_whether_a_checksum_of_their_body_is_required() -> None:
    operations = model.load("s3").operations
    assert operations["DeleteObjects"].body_checksum_required
    assert operations["DeleteObjects"].checksum_algorithm_member == "ChecksumAlgorithm"
    assert not operations["PutObject"].body_checksum_required


def test_the_query_protocols_use_none_of_the_names_and_places_that_only_s3_has() -> None:
    for service in ("sts", "iam"):
        for operation in model.load(service).operations.values():
            assert (operation.http_method, operation.path, operation.fixed_query) == ("POST", "/", ())
            for side in filter(None, (operation.input, operation.output)):
                for member in _members(side):
                    plain = (member.location, member.wire_name, member.flattened, member.xml_attribute)
                    assert plain == ("body", member.name, False, False), f"{operation.name} {member.name}"


def test_a_models_repr_is_short() -> None:
    assert len(repr(model.load("iam"))) < 200
    assert len(repr(model.load("iam").operations["GetUser"])) < 1_000


# --- patterns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", PATTERNS["rows"], ids=lambda row: row["pattern"])
def test_a_pattern_reads_as_java_reads_it(row: dict[str, Any]) -> None:
    compiled = model.pattern_of(row["pattern"])
    assert [text for text in PATTERNS["texts"] if compiled.fullmatch(text)] == row["satisfied_by"]


@pytest.mark.parametrize("service", ["sts", "iam"])
def test_every_pattern_of_the_query_protocols_is_among_those_compared_with_java(service: model.ServiceName) -> None:
    compared = {row["pattern"] for row in PATTERNS["rows"]}
    assert _patterns(service) <= compared


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_compiles_without_a_warning(service: model.ServiceName) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pattern in _patterns(service):
            re.purge()
            model.pattern_of.__wrapped__(pattern)


def test_letters_separators_and_numbers_are_those_of_unicode_for_every_character() -> None:
    compiled = model.pattern_of(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+")
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        expected = unicodedata.category(character)[0] in "LZN" or character in "_.:/=+-@"
        assert bool(compiled.fullmatch(character)) == expected, f"U+{number:04X}"


@pytest.mark.parametrize("pattern", [r"[\p{L}]+", r"[\p{L}\p{Z}\p{N}_\w]+", r"[\d\p{L}\p{Z}\p{N}_]", r"\p{Lu}"])
def test_a_pattern_that_has_no_reading_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="no reading of the pattern"):
        model.pattern_of(pattern)


def test_no_pattern_takes_long_over_any_text() -> None:
    texts = [part * 50_000 + end for part in ("a", "-", "/a", "a-", "v1.", "http://a", "/") for end in ("", "\n", "/!")]
    began = time.perf_counter()
    for pattern in {*_patterns("sts"), *_patterns("iam")}:
        for text in texts:
            model.pattern_of(pattern).fullmatch(text)
    # Forty patterns over two megabytes: a second on a slow machine. One that backtracks takes minutes.
    assert time.perf_counter() - began < 20


def _members(shape: Shape) -> list[model.Member]:
    match shape:
        case StructureShape():
            own = [*shape.members.values()]
            return own + [inner for member in own for inner in _members(member.shape)]
        case ListShape():
            return _members(shape.element)
        case MapShape():
            return _members(shape.key) + _members(shape.value)
        case _:
            return []


def _member(shape: StructureShape, *names: str) -> model.Member:
    *outer, last = names
    for name in outer:
        inner = shape.members[name].shape
        assert isinstance(inner, StructureShape)
        shape = inner
    return shape.members[last]


def _patterns(service: model.ServiceName) -> set[str]:
    shapes = json.loads((ROOT / f"src/daypass/wire/models/{service}.json").read_text())["shapes"]
    return {shape["pattern"] for shape in shapes.values() if "pattern" in shape}
