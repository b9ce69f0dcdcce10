"""docs/compatibility.md says what the tables in the code say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_is_what_the_tables_say() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/compatibility.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
