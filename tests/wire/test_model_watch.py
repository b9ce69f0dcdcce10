"""The model watch: what AWS publishes of the operations that are served is what they are served by.

Both sides are told as sentences, one a member, a constraint or an error, so that a change by AWS reads as one. Ours are
read from the distilled models by daypass.wire.model, AWS's from the installed botocore by botocore's own reader: what
the distiller drops, or what either reader misreads, shows up here as well. A botocore upgrade that breaks this test is
reviewed, distilled anew (scripts/distill_models.py) and, if the server has to act on it, acted on.

An operation that AWS announced before botocore had it is in an overlay; once botocore has it, the overlay goes.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import model as botocore_model
from botocore.loaders import Loader

from daypass.service import iam, s3_catalog, sts
from daypass.wire import model

SERVED: dict[model.ServiceName, set[str]] = {
    "sts": {*sts.ACTIONS},
    "iam": {*iam.ACTIONS},
    "s3": {*s3_catalog.ROWS},
}
SERVICES = [*SERVED]


def announced(service: model.ServiceName) -> set[str]:
    """The operations of the overlay."""
    overlay = Path(model.__file__).parent / "models" / f"{service}.overlay.json"
    return {*json.loads(overlay.read_text())["operations"]} if overlay.exists() else set()


# --- as Daypass reads the distilled models -------------------------------------------------------------------------


def our_sentences(operation: model.Operation) -> Iterator[str]:
    name = operation.name
    yield f"{name} is {operation.http_method} {operation.request_uri}"
    if operation.unsigned:
        yield f"{name} is unsigned"
    for error in sorted(operation.errors, key=lambda each: each.code):
        yield f"{name} fails with {error.code}, status {error.status}"
    for side, shape in (("takes", operation.input), ("answers", operation.output)):
        if shape is not None:
            yield from our_shape(f"{name} {side} ", shape)


def our_shape(where: str, shape: model.Shape) -> Iterator[str]:
    match shape:
        case model.StructureShape():
            for member in shape.members.values():
                at = f"{where}{'' if where.endswith(' ') else '.'}{member.name}"
                needed = "required" if member.required else "optional"
                location = "" if member.location in ("body", "payload") else f" in {member.location} {member.wire_name}"
                yield f"{at}: {needed}{location}"
                yield from our_shape(at, member.shape)
        case model.ListShape():
            yield f"{where}: list{bounds(shape.min, shape.max)}"
            yield from our_shape(f"{where}[]", shape.element)
        case model.MapShape():
            yield f"{where}: map{bounds(shape.min, shape.max)}"
            yield from our_shape(f"{where}.key", shape.key)
            yield from our_shape(f"{where}.value", shape.value)
        case model.StringShape():
            one_of = f" one of {', '.join(shape.enum)}" if shape.enum else ""
            secret = " secret" if shape.sensitive else ""
            pattern = "" if shape.pattern is None else f" like {shape.pattern}"
            yield f"{where}: string{bounds(shape.min, shape.max)}{pattern}{one_of}{secret}"
        case model.IntegerShape():
            yield f"{where}: {'integer' if shape.bits == 32 else 'long'}{bounds(shape.min, shape.max)}"
        case model.BlobShape():
            yield f"{where}: blob{bounds(shape.min, shape.max)}"
        case model.BooleanShape():
            yield f"{where}: boolean"
        case model.TimestampShape():
            yield f"{where}: timestamp{'' if shape.format is None else f' as {shape.format}'}"


def bounds(low: int | None, high: int | None) -> str:
    return "" if low is None and high is None else f" of {'' if low is None else low}..{'' if high is None else high}"


# --- as botocore reads AWS's own -----------------------------------------------------------------------------------


def service_model(service: str) -> botocore_model.ServiceModel:
    """Without the SDK's own additions, which are no facts of the service: botocore has S3's Expires as a time."""
    source = Loader(include_default_extras=False).load_service_model(service, "service-2")
    return botocore_model.ServiceModel(source, service)


def their_sentences(operation: botocore_model.OperationModel) -> Iterator[str]:
    name = operation.name
    yield f"{name} is {operation.http['method']} {operation.http['requestUri']}"
    if operation.auth_type == "none":
        yield f"{name} is unsigned"
    errors = [(error.metadata.get("error", {}), error.name) for error in operation.error_shapes]
    for code, status in sorted((traits.get("code", kind), traits.get("httpStatusCode")) for traits, kind in errors):
        yield f"{name} fails with {code}, status {status}"
    for side, shape in (("takes", operation.input_shape), ("answers", operation.output_shape)):
        if shape is not None:
            yield from their_shape(f"{name} {side} ", shape)


def their_shape(where: str, shape: botocore_model.Shape) -> Iterator[str]:
    traits = shape.metadata
    within = bounds(traits.get("min"), traits.get("max"))
    match shape.type_name:
        case "structure":
            for name, member in shape.members.items():
                at = f"{where}{'' if where.endswith(' ') else '.'}{name}"
                needed = "required" if name in shape.required_members else "optional"
                location = member.serialization.get("location")
                wire_name = member.serialization.get("name", name)
                yield f"{at}: {needed}{f' in {location} {wire_name}' if location else ''}"
                yield from their_shape(at, member)
        case "list":
            yield f"{where}: list{within}"
            yield from their_shape(f"{where}[]", shape.member)
        case "map":
            yield f"{where}: map{within}"
            yield from their_shape(f"{where}.key", shape.key)
            yield from their_shape(f"{where}.value", shape.value)
        case "string":
            one_of = f" one of {', '.join(shape.enum)}" if shape.enum else ""
            secret = " secret" if traits.get("sensitive") else ""
            pattern = f" like {traits['pattern']}" if "pattern" in traits else ""
            yield f"{where}: string{within}{pattern}{one_of}{secret}"
        case "integer" | "long" | "blob":
            yield f"{where}: {shape.type_name}{within}"
        case "timestamp":
            form = shape.serialization.get("timestampFormat")
            yield f"{where}: timestamp{'' if form is None else f' as {form}'}"
        case other:
            yield f"{where}: {other}"


# --- held against each other ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_served_is_what_aws_publishes(service: model.ServiceName) -> None:
    published = service_model(service)
    ours: list[str] = []
    theirs: list[str] = []
    for name in sorted(SERVED[service] - announced(service)):
        ours += our_sentences(model.load(service).operations[name])
        theirs += their_sentences(published.operation_model(name))
    difference = [*difflib.unified_diff(ours, theirs, "served by Daypass", "published by AWS", n=0, lineterm="")]
    assert difference == [], "\n" + "\n".join(difference)
    assert len(ours) > len(SERVED[service])


@pytest.mark.parametrize("service", SERVICES)
def test_an_operation_of_the_overlay_is_one_that_botocore_lacks(service: model.ServiceName) -> None:
    known = announced(service) & {*service_model(service).operation_names}
    assert known == set(), "botocore has it now: distil the models and take it out of the overlay"


def test_a_change_by_aws_reads_as_a_sentence() -> None:
    """The watch can fail: a constraint that AWS changes is a line of the difference."""
    operation = service_model("sts").operation_model("GetFederationToken")
    ours = {*our_sentences(model.load("sts").operations["GetFederationToken"])}
    operation.input_shape.members["Name"].metadata["max"] = 64
    changed = {*their_sentences(operation)} ^ ours
    assert changed == {
        r"GetFederationToken takes Name: string of 2..32 like [\w+=,.@-]*",
        r"GetFederationToken takes Name: string of 2..64 like [\w+=,.@-]*",
    }
