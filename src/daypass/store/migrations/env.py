"""Alembic's entry: runs revisions on the connection that store.schema passes, inside its transaction."""

from alembic import context

from daypass.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
