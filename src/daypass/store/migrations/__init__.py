"""The store's schema, revision by revision (Alembic). See versions/ for the revisions and store.schema for running
them. A new one is written by hand: copy the newest, give it the next number, name the one before it in
`down_revision`, and make tables.py agree; tests/store/test_migrations.py compares the two."""
