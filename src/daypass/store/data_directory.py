"""The data directory: what `daypass init` makes and every worker opens.

    DIR/                    0700
    DIR/daypass.sqlite3     0600  the identity store; it is what makes a directory initialised
    DIR/keys.json           0600  the key ring (store.key_ring)
    DIR/audit.jsonl         0600  the audit log (store.audit), from the first start on

`init` builds both files in a directory of its own inside DIR and links them into place, the database last: until
that one step the directory is not initialised, and a name that is taken is never written over.
"""

from __future__ import annotations

import binascii
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert

from daypass import names
from daypass.names import Secret
from daypass.service.ports import Entropy
from daypass.store import key_ring as key_ring_file
from daypass.store import schema, sqlite
from daypass.store.cache import Cache
from daypass.store.directory import SqlDirectory
from daypass.store.entropy import SystemEntropy
from daypass.store.errors import StoreError
from daypass.store.last_uses import LastUseWriter
from daypass.store.sealing import seal_secret
from daypass.store.tables import Topic, access_keys, accounts, changes, identifiers
from daypass.token import KeyRing

DATABASE: Final = "daypass.sqlite3"
KEY_RING: Final = "keys.json"
AUDIT_LOG: Final = "audit.jsonl"
SECRET_BYTES: Final = 30  # 40 characters of base64, as AWS's secret access keys have


class Store:
    """An open data directory. directory: writes and lists; identities: reads, cached; both of this process."""

    def __init__(self, path: Path, directory: SqlDirectory, cache: Cache, key_ring: KeyRing, entropy: Entropy) -> None:
        self.path: Final = path
        self.directory: Final = directory
        self.identities: Final = cache
        self.key_ring: Final = key_ring
        self.entropy: Final = entropy
        self._last_uses: Final = LastUseWriter(directory)
        self._last_uses.start()

    async def close(self) -> None:
        await self.identities.stop()
        await self._last_uses.stop()
        await self.directory.close()


def initialise(directory: Path, account_id: str | None, entropy: Entropy, now: datetime) -> tuple[str, str, Secret]:
    """Make a data directory: a key ring, a store, one account, an access key of its root user.

    account_id: None for a random one.
    Returns the account id, the access key id and its secret, which is shown nowhere else ever again.

    Raises:
        StoreError: it is initialised already, or cannot be made; nothing was changed.
        ValueError: the account id is not twelve digits.
    """
    if account_id is not None and not names.is_account_id(account_id):
        raise ValueError("an account id has twelve digits")
    try:
        account_id = account_id or random_account_id(entropy)
        with _building(directory) as building:
            key_ring = key_ring_file.create(building / KEY_RING, entropy)
            access_key_id, secret = _create_database(building / DATABASE, account_id, key_ring, entropy, now)
            _put_in_place(building, directory)
    except OSError as error:
        raise StoreError(f"{directory} cannot be initialised: {error.strerror}") from None
    return account_id, access_key_id, secret


async def open_store(
    directory: Path, *, entropy: Entropy | None = None, monotonic: Callable[[], float] = time.monotonic
) -> Store:
    """Open an initialised data directory, bringing its tables to the newest revision first. Until it is closed it
    follows the changes of other workers, in the running event loop.

    Raises:
        StoreError: it is not initialised, unreadable, open to others, or made by a newer Daypass.
    """
    database = directory / DATABASE
    try:
        os.close(os.open(database, os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        raise StoreError(f"{directory} is not initialised; run: daypass init --data {directory}") from None
    except OSError as error:
        raise StoreError(f"{database} cannot be opened: {error.strerror}") from None
    key_ring = key_ring_file.load(directory / KEY_RING)
    engine = sqlite.sync_engine(database)
    try:
        schema.upgrade(engine, database)
    finally:
        engine.dispose()
    entropy = entropy or SystemEntropy()
    sql_directory = SqlDirectory(sqlite.async_engine(database), key_ring, entropy)
    cache = Cache(sql_directory, monotonic)
    cache.start()
    return Store(directory, sql_directory, cache, key_ring, entropy)


def random_account_id(entropy: Entropy) -> str:
    """Twelve digits, the first not 0: some tools drop a leading zero."""
    return str(10**11 + int.from_bytes(entropy.bytes(16)) % (9 * 10**11))


@contextmanager
def _building(directory: Path) -> Iterator[Path]:
    """A private directory inside the data directory, which is made if it is not there. Nothing of it stays."""
    _refuse_if_initialised(directory)
    made = not directory.exists()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".init-", dir=directory))
    try:
        yield building
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        if made:
            directory.rmdir()
        raise
    shutil.rmtree(building)


def _refuse_if_initialised(directory: Path) -> None:
    if (directory / DATABASE).exists():
        raise StoreError(f"{directory} is initialised already; nothing was changed")
    if (directory / KEY_RING).exists():
        raise StoreError(f"{directory} has a {KEY_RING} but no {DATABASE}; move it away, or restore the database")


def _put_in_place(building: Path, directory: Path) -> None:
    """Link both files to their names. Linking fails where renaming would write over: two inits cannot both succeed."""
    try:
        os.link(building / KEY_RING, directory / KEY_RING)
    except FileExistsError:
        raise StoreError(f"{directory} is being initialised by another process; nothing was changed") from None
    try:
        os.link(building / DATABASE, directory / DATABASE)
    except OSError:
        (directory / KEY_RING).unlink()
        raise
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def _create_database(
    path: Path, account_id: str, key_ring: KeyRing, entropy: Entropy, now: datetime
) -> tuple[str, Secret]:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    engine = sqlite.sync_engine(path)
    try:
        schema.create(engine)
        with engine.connect().execution_options(**{sqlite.WRITES: True}) as connection, connection.begin():
            return _create_account(connection, account_id, key_ring, entropy, now)
    finally:
        engine.dispose()


def _create_account(
    connection: Connection, account_id: str, key_ring: KeyRing, entropy: Entropy, now: datetime
) -> tuple[str, Secret]:
    access_key_id = names.make_id(names.LONG_TERM_KEY, account_id, entropy.bytes(names.ID_ENTROPY_BYTES))
    secret = Secret(binascii.b2a_base64(entropy.bytes(SECRET_BYTES), newline=False).decode("ascii"))
    sealed = seal_secret(secret, access_key_id, key_ring, entropy)
    connection.execute(insert(accounts).values(account_id=account_id, created=now, management=True))
    connection.execute(insert(identifiers).values(identifier=access_key_id))
    connection.execute(
        insert(access_keys).values(
            access_key_id=access_key_id, account_id=account_id, active=True, created=now, **sealed._asdict()
        )
    )
    connection.execute(insert(changes).values(topic=Topic.ACCOUNT, key=account_id))
    return access_key_id, secret
