"""What reads and writes tables in object storage, unmodified, with credentials for one prefix: pyarrow (the AWS SDK for
C++), Polars (Rust's object_store), s3fs (aiobotocore), minio-py and DuckDB with httpfs. Each is refused elsewhere."""

import glob
import io
import json
import os
import sys
from urllib.parse import urlsplit

import duckdb
import polars
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import s3fs
from minio import Minio
from minio.deleteobjects import DeleteObject

URL = os.environ["ROUND_URL"]
HOST = urlsplit(URL).netloc
BUCKET = os.environ["ROUND_BUCKET"]
KEY, SECRET, TOKEN = (os.environ[f"ROUND_{name}"] for name in ("KEY", "SECRET", "TOKEN"))
REGION = "us-east-1"
TEAM = f"{BUCKET}/team"
OTHER = f"{BUCKET}/other/secret"
MIB = 1024 * 1024


def refused(work):
    """What it raises; None if it raises nothing."""
    try:
        work()
    except Exception as error:  # noqa: BLE001  whatever it raises is told
        return f"{type(error).__name__}: {error}"
    return None


def by_pyarrow():
    files = pyarrow.fs.S3FileSystem(
        access_key=KEY, secret_key=SECRET, session_token=TOKEN, endpoint_override=HOST, scheme="http", region=REGION
    )
    table = pa.table({"n": list(range(200_000)), "s": ["x" * 20] * 200_000})
    pq.write_table(table, f"{TEAM}/arrow.parquet", filesystem=files, compression="none")
    assert pq.read_table(f"{TEAM}/arrow.parquet", filesystem=files).equals(table)
    with files.open_output_stream(f"{TEAM}/large") as stream:
        for _ in range(12):
            stream.write(os.urandom(MIB))
    assert files.get_file_info(f"{TEAM}/large").size == 12 * MIB
    files.copy_file(f"{TEAM}/arrow.parquet", f"{TEAM}/copy.parquet")
    files.delete_file(f"{TEAM}/copy.parquet")
    return refused(lambda: files.open_input_file(OTHER).read())


def by_polars():
    options = {
        "aws_endpoint_url": URL,
        "aws_access_key_id": KEY,
        "aws_secret_access_key": SECRET,
        "aws_session_token": TOKEN,
        "aws_region": REGION,
        "aws_allow_http": "true",
    }
    assert polars.read_parquet(f"s3://{TEAM}/arrow.parquet", storage_options=options).shape == (200_000, 2)
    polars.DataFrame({"a": list(range(1_000))}).write_parquet(f"s3://{TEAM}/polars.parquet", storage_options=options)
    return refused(lambda: polars.read_parquet(f"s3://{OTHER}", storage_options=options))


def by_s3fs():
    files = s3fs.S3FileSystem(
        key=KEY, secret=SECRET, token=TOKEN, endpoint_url=URL, client_kwargs={"region_name": REGION}
    )
    with files.open(f"{TEAM}/s3fs", "wb") as stream:
        stream.write(os.urandom(12 * MIB))
    assert files.info(f"{TEAM}/s3fs")["size"] == 12 * MIB
    files.mv(f"{TEAM}/s3fs", f"{TEAM}/moved")
    files.rm(f"{TEAM}/moved")
    return refused(lambda: files.cat(OTHER))


def by_minio():
    client = Minio(HOST, KEY, SECRET, session_token=TOKEN, secure=False, region=REGION)
    for length in (12 * MIB, -1):
        client.put_object(BUCKET, "team/minio", io.BytesIO(b"y" * 12 * MIB), length, part_size=5 * MIB)
        assert client.stat_object(BUCKET, "team/minio").size == 12 * MIB
    assert list(client.remove_objects(BUCKET, [DeleteObject("team/minio")])) == []
    return refused(lambda: client.get_object(BUCKET, "other/secret"))


def by_duckdb():
    extension = os.path.join(sys.prefix, "lib", "python3*", "site-packages", "**", "httpfs.duckdb_extension*")
    database = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    database.execute(f"LOAD '{glob.glob(extension, recursive=True)[0]}'")
    database.execute(
        f"CREATE SECRET team (TYPE s3, KEY_ID '{KEY}', SECRET '{SECRET}', SESSION_TOKEN '{TOKEN}', "
        f"ENDPOINT '{HOST}', URL_STYLE 'path', USE_SSL false, REGION '{REGION}')"
    )
    count = database.read_parquet(f"s3://{TEAM}/arrow.parquet").count("*").fetchone()
    assert count == (200_000,)
    database.sql("SELECT range AS n FROM range(500000)").write_parquet(f"s3://{TEAM}/duck.parquet")
    total = database.read_parquet(f"s3://{TEAM}/duck*.parquet").sum("n").fetchone()
    assert total[0] == 500_000 * 499_999 // 2
    return refused(lambda: database.read_parquet(f"s3://{OTHER}.parquet").fetchall())


for work in (by_pyarrow, by_polars, by_s3fs, by_minio, by_duckdb):
    refusal = work()
    line = {"check": work.__name__.removeprefix("by_"), "ok": refusal is not None, "detail": refusal}
    print(json.dumps(line), flush=True)
