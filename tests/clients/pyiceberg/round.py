"""PyIceberg, unmodified, with a remote signer and no credential: makes a table, writes, reads and is refused."""

import json
import os

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog


def say(check, ok, detail):
    print(json.dumps({"check": check, "ok": ok, "detail": detail}), flush=True)


def main():
    bucket = os.environ["ROUND_BUCKET"]
    catalog = SqlCatalog(
        "round",
        **{
            "uri": "sqlite:///" + os.environ["ROUND_CATALOG"],
            "warehouse": f"s3://{bucket}/table",
            "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
            "s3.endpoint": os.environ["ROUND_STORE"],
            "s3.region": "us-east-1",
            "s3.signer": "S3V4RestSigner",
            "s3.signer.uri": os.environ["ROUND_SIGNER"],
            "s3.signer.endpoint": "_daypass/sign",
            "token": os.environ["ROUND_TOKEN"],
        },
    )
    catalog.create_namespace("lake")
    rows = pa.table({"id": [1, 2, 3], "name": ["a", "b", "ü"]})
    table = catalog.create_table("lake.people", schema=rows.schema)
    table.append(rows)
    table.append(rows)
    found = catalog.load_table("lake.people").scan(row_filter="id > 1").to_arrow()
    say("table", True, {"rows": found.num_rows, "names": sorted(set(found["name"].to_pylist()))})
    try:
        catalog.create_table("lake.outside", schema=rows.schema, location=f"s3://{bucket}/elsewhere/outside")
        say("outside", False, "made")
    except Exception as error:  # noqa: BLE001  whatever it raises is told
        say("outside", True, f"{type(error).__name__}: {error}")


main()
