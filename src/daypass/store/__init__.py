"""Engines for the ports of service.ports: SQLite through SQLAlchemy Core, its cache, and the audit log.

`initialise` makes a data directory; `open_store` opens one.
"""

from daypass.store.data_directory import Store, initialise, open_store
from daypass.store.errors import StoreError

__all__ = ["Store", "StoreError", "initialise", "open_store"]
