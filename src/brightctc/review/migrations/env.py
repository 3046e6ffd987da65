"""Alembic's entry: upgrades run on the connection that `review.migrating` gives."""

from alembic import context

from brightctc.review import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema.metadata)
with context.begin_transaction():
    context.run_migrations()
