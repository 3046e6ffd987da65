"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """As `schema` had them at first; this file never changes."""
    op.create_table(
        "events",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("cell", sa.Integer, index=True),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "texts",
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), primary_key=True),
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "readers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.CheckConstraint("role in ('reader', 'lead')", name="role"),
    )
    op.create_table(
        "invitations",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("until", sa.String(32), nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("resets", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("reader", sa.Integer, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("begun", sa.String(32), nullable=False),
        sa.Column("seen", sa.String(32), nullable=False),
    )
    op.create_table(
        "samples",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scores", sa.String(64), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("cells", sa.Integer, nullable=False),
        sa.Column("salt", sa.String(32)),
        sa.Column("was", sa.String(64)),
        sa.UniqueConstraint("scores", "name"),
    )
    op.create_table(
        "cells",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sample", sa.Integer, sa.ForeignKey("samples.id"), nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("cell_id", sa.Text, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("doubt", sa.Integer, nullable=False),
        sa.Column("size", sa.Float),
        sa.Column("donor", sa.Text),
        sa.Column("called", sa.String(64)),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("bright_field", sa.Text),
        sa.Column("dapi", sa.Text),
        sa.Column("further", sa.Text, nullable=False),
        sa.UniqueConstraint("sample", "row"),
        sa.UniqueConstraint("sample", "cell_id"),
    )
    op.create_index("cells_by_place", "cells", ["sample", "place"])
    op.create_index("cells_by_doubt", "cells", ["sample", "doubt"])
    op.create_index("cells_by_size", "cells", ["sample", "size"])
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sample", sa.Integer, sa.ForeignKey("samples.id"), nullable=False),
        sa.Column("reader", sa.Integer, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("cell", sa.Integer, sa.ForeignKey("cells.id"), nullable=False),
        sa.Column("occasion", sa.Integer, nullable=False),
        sa.Column("probability", sa.Float, nullable=False),
        sa.UniqueConstraint("sample", "reader", "position"),
        sa.UniqueConstraint("reader", "cell", "occasion"),
    )
    op.create_table(
        "openings",
        sa.Column("sample", sa.Integer, sa.ForeignKey("samples.id"), primary_key=True),
        sa.Column("reader", sa.Integer, sa.ForeignKey("readers.id"), primary_key=True),
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), nullable=False),
    )
    op.create_table(
        "grades",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("cell", sa.Integer, sa.ForeignKey("cells.id"), nullable=False),
        sa.Column("reader", sa.Integer, sa.ForeignKey("readers.id"), nullable=False),
        sa.Column("occasion", sa.Integer, nullable=False),
        sa.Column("blind", sa.Boolean, nullable=False),
        sa.Column("grade", sa.Integer),
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), nullable=False),
        sa.UniqueConstraint("cell", "reader", "occasion"),
        sa.CheckConstraint("grade between 0 and 4", name="grade"),
    )
    op.create_index("grades_by_reader", "grades", ["reader", "cell"])
    op.create_table(
        "settlements",
        sa.Column("cell", sa.Integer, sa.ForeignKey("cells.id"), primary_key=True),
        sa.Column("grade", sa.Integer, nullable=False),
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), nullable=False),
        sa.CheckConstraint("grade between 0 and 4", name="grade"),
    )
    op.create_table(
        "picks",
        sa.Column("cell", sa.Integer, sa.ForeignKey("cells.id"), primary_key=True),
        sa.Column("use", sa.String(16), nullable=False),
        sa.Column("container", sa.String(16), nullable=False),
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), nullable=False),
        sa.Column("confirmed", sa.Integer, sa.ForeignKey("events.number")),
        sa.CheckConstraint("use in ('pick', 'control')", name="use"),
        sa.CheckConstraint("container in ('single', 'pool')", name="container"),
    )
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sample", sa.Integer, sa.ForeignKey("samples.id"), nullable=False),
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), nullable=False),
        sa.Column("supersedes", sa.Integer, sa.ForeignKey("reports.id")),
        sa.Column("document", sa.Text),
    )
    op.create_table(
        "outcomes",
        sa.Column("cell", sa.Integer, sa.ForeignKey("cells.id"), primary_key=True),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("event", sa.Integer, sa.ForeignKey("events.number"), nullable=False),
        sa.CheckConstraint("outcome in ('positive', 'negative', 'failed')", name="outcome"),
    )
