"""Making a store's tables, bringing them to the newest revision, and refusing a store newer than the program.

Alembic is imported when there is something to do for it: its import takes as long as all else of a start.
"""

from __future__ import annotations

import re
import threading
from importlib import resources
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from daypass.store.errors import StoreError
from daypass.store.sqlite import WRITES

_REVISION: Final = re.compile(r"r[0-9]{4}_[a-z0-9_]+\.py")
_alembic: Final = threading.Lock()  # Alembic keeps the revision under way in module globals


def create(engine: Engine) -> None:
    """Make the tables in an empty database."""
    _run_revisions(engine)


def upgrade(engine: Engine, path: Path) -> None:
    """Bring the tables to the newest revision; nothing happens if they are.

    path: of the database, for messages.

    Raises:
        StoreError: the file is no database of ours, cannot be written, or is newer than the program.
    """
    try:
        with engine.connect() as connection:
            newest = _is_newest(connection, path)
        if not newest:
            _run_revisions(engine)
    except DatabaseError as error:
        raise StoreError(f"{path} cannot be opened: {error.orig}") from None


def _is_newest(connection: Connection, path: Path) -> bool:
    present = None
    if inspect(connection).has_table("alembic_version"):
        present = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if present is None:
        raise StoreError(f"{path} is not a Daypass store")
    known = revisions()
    if present not in known:
        raise StoreError(f"{path} was made by a newer Daypass (schema {present}); this one cannot read it")
    return bool(present == known[-1])


def revisions() -> list[str]:
    """Every revision that this program knows, oldest first: they are numbered, and named so in their files."""
    files = resources.files("daypass.store.migrations.versions").iterdir()
    return sorted([name[1:5] for name in (file.name for file in files) if _REVISION.fullmatch(name)])


def _run_revisions(engine: Engine) -> None:
    """In one transaction: of several workers that start at once one does it, and the others find it done."""
    from alembic import command
    from alembic.config import Config

    with _alembic, engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config = Config()
        config.set_main_option("script_location", "daypass.store:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
