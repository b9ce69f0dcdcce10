"""Making a store's tables, bringing them to the newest revision, and refusing a store newer than the program."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from daypass.store.errors import StoreError
from daypass.store.sqlite import WRITES

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
    scripts = ScriptDirectory.from_config(_config())
    present = MigrationContext.configure(connection).get_current_revision()
    if present is None:
        raise StoreError(f"{path} is not a Daypass store")
    if present not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(f"{path} was made by a newer Daypass (schema {present}); this one cannot read it")
    return present == scripts.get_current_head()


def _run_revisions(engine: Engine) -> None:
    """In one transaction: of several workers that start at once one does it, and the others find it done."""
    with _alembic, engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "daypass.store:migrations")
    return config
