"""store.migrations and store.schema: the revisions give the tables that the code uses, and run once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from daypass.store import schema, sqlite
from daypass.store.tables import metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.sqlite3"
    path.touch(0o600)
    return path


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:  # type: ignore[override]  # because here an engine is SQLAlchemy's
    engine = sqlite.sync_engine(path)
    yield engine
    engine.dispose()


def test_the_revisions_give_exactly_the_tables_of_the_code(engine: Engine) -> None:
    schema.create(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_revisions_give_exactly_the_keys_of_the_code(engine: Engine) -> None:
    """What the comparison above does not look at: primary keys, foreign keys, autoincrement."""
    schema.create(engine)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        primary = found.get_pk_constraint(table.name)
        assert primary["constrained_columns"] == [column.name for column in table.primary_key]
        foreign = {(key["name"], key["referred_table"]) for key in found.get_foreign_keys(table.name)}
        assert foreign == {(key.name, key.referred_table.name) for key in table.foreign_key_constraints}
    with engine.connect() as connection:
        statement = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'changes'").scalar_one()
    assert "AUTOINCREMENT" in statement


def test_the_files_of_the_revisions_are_numbered_as_alembic_orders_them() -> None:
    """So the newest is known without Alembic."""
    config = Config()
    config.set_main_option("script_location", "daypass.store:migrations")
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert schema.revisions() == newest_first[::-1]


def test_starting_does_not_import_alembic() -> None:
    program = "import sys, daypass.commands.serve, daypass.app; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_store_that_is_up_to_date_is_not_written_to(engine: Engine, path: Path) -> None:
    schema.create(engine)
    with sqlite3.connect(path) as observer:
        before = observer.execute("PRAGMA data_version").fetchone()
        schema.upgrade(engine, path)
        assert observer.execute("PRAGMA data_version").fetchone() == before


def test_processes_that_make_the_tables_at_once_do_not_disturb_each_other(engine: Engine, path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from daypass.store import schema, sqlite;"
        "schema.create(sqlite.sync_engine(Path(sys.argv[1])))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    schema.upgrade(engine, path)
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_revision_that_fails_leaves_nothing_of_itself(engine: Engine, path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE buckets (in_the_way TEXT)")  # the first revision gets as far as this one
    with pytest.raises(Exception, match="already exists"):
        schema.create(engine)
    assert inspect(engine).get_table_names() == ["buckets"]
