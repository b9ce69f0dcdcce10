"""OpenStack Swift's S3 API, as the tests start it, for as long as standard input stays open: a process of its own.

python bench/support/swift_backend.py          prints JSON: endpoint, access_key_id, secret_access_key
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

# The tests' package has the same name as this one's.
sys.path[0] = str(Path(__file__).resolve().parents[2] / "tests")

from support.backends import swift  # noqa: E402  after its path


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="daypass-bench-swift-") as directory, swift(Path(directory)) as backend:
        said = {
            "endpoint": backend.endpoint,
            "access_key_id": backend.access_key_id,
            "secret_access_key": backend.secret_access_key,
        }
        print(json.dumps(said), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
