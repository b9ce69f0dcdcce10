"""Writes docs/settings.md from the table in the code: what can be set, and how it is called.

python scripts/settings.py            write it
python scripts/settings.py --check    say whether it is up to date, and change nothing
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from daypass.settings import GROUPS, Kind, Setting

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

HEAD: Final = """\
# Settings

<!-- Written by scripts/settings.py from the table in src/daypass/settings.py. Change that, not this. -->

Each setting can be written in three ways, and the first of them counts: the option of `daypass serve`, the environment
variable, the line of `daypass.toml` in the data directory (or of the file that `--config` or `DAYPASS_CONFIG` names).

```
daypass serve --data ./data --s3-domains s3.example.com
DAYPASS_S3_DOMAINS=s3.example.com daypass serve --data ./data
s3_domains = ["s3.example.com"]        # daypass.toml
```

A LIST has commas or spaces between its items; in the file it is one. A flag is `--NAME` or `--no-NAME`, else `true` or
`false`. A secret has no option, because everybody on a machine can see its processes' arguments. An unknown line of the
file stops the start, and so does a value that cannot be used.
"""

BACKENDS: Final = """\
Several stores are one `[[backend]]` each, in the file alone, asked in their order; the one above is asked last.

```toml
[[backend]]
url = "http://127.0.0.1:9001"
access_key_id = "gateway"
secret_access_key = "…"
region = "eu-west-1"             # default: us-east-1
buckets = ["archive-*", "old"]   # default: all
keeps_dots = true                # default: false
takes_trailers = true            # default: false
```
"""


def page() -> str:
    """The whole of docs/settings.md."""
    parts = [HEAD]
    for title, group in GROUPS.items():
        parts += [f"## {title}\n", "| option | variable | line | |\n|---|---|---|---|", *rows(group), ""]
        if title == "S3 gateway":
            parts.append(BACKENDS)
    return "\n".join(parts).rstrip() + "\n"


def rows(group: tuple[Setting, ...]) -> Iterator[str]:
    for setting in group:
        option = "–" if setting.kind is Kind.SECRET else f"`{f'{setting.option} {setting.value}'.strip()}`"
        yield f"| {option} | `{setting.variable}` | `{setting.name}` | {setting.help} |"


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/settings.md is not what the table says: run scripts/settings.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
