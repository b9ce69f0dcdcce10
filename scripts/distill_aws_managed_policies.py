"""Writes src/daypass/store/aws_managed_policies.json: the AWS managed policies that Daypass has, whole.

Their documents, versions and dates are those that AWS publishes (AWS Managed Policy Reference Guide), as moto of the
development set carries them; their ids, which moto leaves out, are as ListPolicies answers them in public recordings.
`python scripts/distill_aws_managed_policies.py` after moto was brought up to date says what has changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from moto.iam.aws_managed_policies import aws_managed_policies_data

WRITTEN: Final = Path(__file__).resolve().parent.parent / "src" / "daypass" / "store" / "aws_managed_policies.json"
IDS: Final = {
    "AdministratorAccess": "ANPAIWMBCKSKIEE64ZLYK",
    "AmazonS3FullAccess": "ANPAIFIR6V6BVTRAHWINE",
    "AmazonS3ReadOnlyAccess": "ANPAIZTJ4DXE7G6AGAE6M",
    "AWSDenyAll": "ANPAZKAPJZG4P43IUQ5E5",
    "IAMFullAccess": "ANPAI7XKCFMBPM3QQRRVQ",
    "IAMReadOnlyAccess": "ANPAJKSO7NDY4T57MWDSQ",
    "IAMUserChangePassword": "ANPAJ4L4MM2A7QIEB56MS",
    "PowerUserAccess": "ANPAJYRXTHIB4FOVS3ZXS",
    "ReadOnlyAccess": "ANPAILL3HVNFSB6DCOWYQ",
    "SecurityAudit": "ANPAIX2T3QCXHR2OGGCTO",
    "ViewOnlyAccess": "ANPAID22R6XPJATWOFDK6",
}


def main() -> None:
    before = json.loads(WRITTEN.read_text()) if WRITTEN.exists() else {}
    published = json.loads(aws_managed_policies_data)
    after = {
        name: {
            "id": policy_id,
            "path": published[name]["Path"],
            "version": published[name]["DefaultVersionId"],
            "created": published[name]["CreateDate"],
            "updated": published[name]["UpdateDate"],
            "document": published[name]["Document"],
        }
        for name, policy_id in IDS.items()
    }
    for name in after:
        if after[name] != before.get(name):
            print(f"{name}: {before.get(name, {}).get('version')} → {after[name]['version']}")
    # A line a policy: what AWS changed is then one line of a difference.
    lines = (f"{json.dumps(name)}: {json.dumps(policy, separators=(',', ':'))}" for name, policy in after.items())
    WRITTEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
