"""Bring a database's tables to this version, step by step, by the scripts in `migrations/`."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from brightctc.errors import UserError


def migrate(engine: Engine) -> None:
    """Raises UserError where a later brightctc has made the tables."""
    settings = Config()
    settings.set_main_option("script_location", "brightctc.review:migrations")
    scripts = ScriptDirectory.from_config(settings)
    with engine.begin() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        known = {script.revision for script in scripts.walk_revisions()}
        if found is not None and found not in known:
            raise UserError(
                f"this database is of a later brightctc (version {found} of its tables)",
                engine.url.render_as_string(hide_password=True),
                "use the brightctc that wrote it, or a later one",
            )
        if found != scripts.get_current_head():
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
