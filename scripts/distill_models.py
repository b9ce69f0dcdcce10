"""Writes src/daypass/wire/models/{sts,iam,s3}.json: the facts of AWS's published service models, without their prose.

The models are those that the installed botocore ships. Every trait met there is named below, as kept or as
dropped; a trait that is named in neither stops the script, so that AWS cannot add a constraint unnoticed.

Run it after a botocore upgrade and review the difference: python scripts/distill_models.py
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Final

import botocore

VERSIONS: Final = {"sts": "2011-06-15", "iam": "2010-05-08", "s3": "2006-03-01"}
MODELS: Final = Path(__file__).resolve().parent.parent / "src" / "daypass" / "wire" / "models"

# trait → whether it is kept. What is dropped is prose, or is about choosing an endpoint or a client's conduct.
METADATA: Final = {
    "apiVersion": True,
    "protocol": True,
    "serviceId": True,
    "xmlNamespace": True,
    "auth": False,
    "checksumFormat": False,
    "endpointPrefix": False,
    "globalEndpoint": False,
    "protocols": False,
    "serviceAbbreviation": False,
    "serviceFullName": False,
    "signatureVersion": False,
    "uid": False,
}
OPERATION: Final = {
    "authtype": True,
    "errors": True,
    "http": True,
    "httpChecksum": True,
    "input": True,
    "output": True,
    "auth": False,  # `authtype` says the same in older words
    "deprecated": False,
    "documentation": False,
    "endpoint": False,
    "name": False,  # it is the key
    "staticContextParams": False,
    "unsignedPayload": False,  # `authtype` v4-unsigned-body says the same
}
SHAPE: Final = {
    "enum": True,
    "error": True,
    "event": True,
    "eventstream": True,
    "exception": True,
    "flattened": True,
    "key": True,
    "locationName": True,
    "max": True,
    "member": True,
    "members": True,
    "min": True,
    "pattern": True,
    "payload": True,
    "required": True,
    "sensitive": True,
    "timestampFormat": True,
    "type": True,
    "union": True,
    "value": True,
    "xmlNamespace": True,
    "box": False,  # whether Java's type may be null
    "documentation": False,
    "synthetic": False,
}
REFERENCE: Final = {
    "eventpayload": True,
    "flattened": True,
    "location": True,
    "locationName": True,
    "shape": True,
    "streaming": True,
    "xmlAttribute": True,
    "xmlNamespace": True,
    "box": False,
    "contextParam": False,
    "deprecated": False,
    "deprecatedMessage": False,
    "deprecatedSince": False,
    "documentation": False,
    "hostLabel": False,
    "idempotencyToken": False,
}


class UnknownTrait(Exception):
    """A trait that the tables above do not name: decide whether it is a fact to keep, and name it."""


def kept(traits: dict[str, Any], table: dict[str, bool], where: str) -> dict[str, Any]:
    """The kept traits, sorted by name."""
    for trait in traits:
        if trait not in table:
            raise UnknownTrait(f"`{trait}` of {where}")
    return {trait: traits[trait] for trait in sorted(traits) if table[trait]}


def distil_shape(name: str, source: dict[str, Any]) -> dict[str, Any]:
    """One shape. The members of a structure keep the order of the model: it is the order of our answers."""
    shape = kept(source, SHAPE, name)
    for reference in ("member", "key", "value"):
        if reference in shape:
            shape[reference] = kept(shape[reference], REFERENCE, f"{name}.{reference}")
    if shape.get("exception"):
        return {"error": shape.get("error", {"code": name}), "type": "exception"}
    if "members" in shape:
        shape["members"] = {
            member: kept(traits, REFERENCE, f"{name}.{member}") for member, traits in shape["members"].items()
        }
    return shape


def distil_operation(name: str, source: dict[str, Any]) -> dict[str, Any]:
    operation = kept(source, OPERATION, name)
    if "errors" in operation:
        operation["errors"] = sorted(error["shape"] for error in operation["errors"])
    return operation


def references(shape: dict[str, Any]) -> list[str]:
    members = [*shape.get("members", {}).values()]
    members += [shape[trait] for trait in ("member", "key", "value") if trait in shape]
    return [member["shape"] for member in members]


def reachable(operations: dict[str, Any], shapes: dict[str, Any]) -> set[str]:
    """The names of the shapes that an operation uses, directly or through other shapes."""
    waiting: list[str] = []
    for operation in operations.values():
        waiting += operation.get("errors", [])
        waiting += [operation[side]["shape"] for side in ("input", "output") if side in operation]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references(shapes[name])
    return found


def distil(source: dict[str, Any]) -> dict[str, Any]:
    """The facts of one service model."""
    operations = {name: distil_operation(name, source["operations"][name]) for name in sorted(source["operations"])}
    shapes = {name: distil_shape(name, source["shapes"][name]) for name in sorted(source["shapes"])}
    used = reachable(operations, shapes)
    return {
        "metadata": kept(source["metadata"], METADATA, "metadata"),
        "operations": operations,
        "shapes": {name: shape for name, shape in shapes.items() if name in used},
    }


def written(model: dict[str, Any]) -> str:
    """The model as JSON, an operation or a shape a line, so that a change by AWS is a readable difference."""

    def compact(value: object) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=True)

    def lines(entries: dict[str, Any]) -> str:
        return ",\n".join(f"{compact(name)}:{compact(entry)}" for name, entry in entries.items())

    return (
        f'{{"metadata":{compact(model["metadata"])},\n'
        f'"operations":{{\n{lines(model["operations"])}\n}},\n'
        f'"shapes":{{\n{lines(model["shapes"])}\n}}}}\n'
    )


def published(service: str) -> dict[str, Any]:
    """The model as the installed botocore ships it."""
    path = Path(botocore.__file__).parent / "data" / service / VERSIONS[service] / "service-2.json.gz"
    with gzip.open(path) as file:
        model: dict[str, Any] = json.load(file)
    return model


def main() -> None:
    MODELS.mkdir(exist_ok=True)
    for service in VERSIONS:
        (MODELS / f"{service}.json").write_text(written(distil(published(service))), encoding="ascii")


if __name__ == "__main__":
    main()
