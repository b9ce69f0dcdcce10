"""Engines for the ports of service.ports: SQLite through SQLAlchemy Core, its cache, and the audit log."""
