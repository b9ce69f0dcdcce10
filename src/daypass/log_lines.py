"""The form of the log's lines, in each process that writes some. What they say is said where it happens."""

from __future__ import annotations

import logging
import time


def write_log_lines() -> None:
    """To standard error, each with its time (UTC) and how grave it is. What is on the root logger already, stays."""
    form = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("daypass").setLevel(logging.INFO)
