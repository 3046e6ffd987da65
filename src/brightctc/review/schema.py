"""The tables of a review's database. `events` is what happened; the others are what is so now."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("about", Text, nullable=False),
    Column("cell", Integer, index=True),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)

texts = Table(
    "texts",
    metadata,
    Column("event", Integer, ForeignKey("events.number"), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("salt", String(32), nullable=False),
    Column("text", Text, nullable=False),
)
"""What was written freely, or names somebody's sample: an event holds a salted hash of it, so that it can be taken out
and the chain still holds."""

readers = Table(
    "readers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    CheckConstraint("role in ('reader', 'lead')", name="role"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("name", Text),
    Column("role", String(16), nullable=False),
    Column("until", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("resets", Boolean, nullable=False, server_default=false()),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("reader", Integer, ForeignKey("readers.id"), nullable=False),
    Column("begun", String(32), nullable=False),
    Column("seen", String(32), nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scores", String(64), nullable=False),
    Column("about", Text, nullable=False),
    Column("cells", Integer, nullable=False),
    Column("salt", String(32)),
    Column("was", String(64)),
    UniqueConstraint("scores", "name"),
)

cells = Table(
    "cells",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sample", Integer, ForeignKey("samples.id"), nullable=False),
    Column("row", Integer, nullable=False),
    Column("cell_id", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("score", Float),
    Column("doubt", Integer, nullable=False),
    Column("size", Float),
    Column("donor", Text),
    Column("called", String(64)),
    Column("flags", Text, nullable=False),
    Column("error", Text),
    Column("bright_field", Text),
    Column("dapi", Text),
    Column("further", Text, nullable=False),
    UniqueConstraint("sample", "row"),
    UniqueConstraint("sample", "cell_id"),
    Index("cells_by_place", "sample", "place"),
    Index("cells_by_doubt", "sample", "doubt"),
    Index("cells_by_size", "sample", "size"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sample", Integer, ForeignKey("samples.id"), nullable=False),
    Column("reader", Integer, ForeignKey("readers.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("cell", Integer, ForeignKey("cells.id"), nullable=False),
    Column("occasion", Integer, nullable=False),
    Column("probability", Float, nullable=False),
    UniqueConstraint("sample", "reader", "position"),
    UniqueConstraint("reader", "cell", "occasion"),
)

openings = Table(
    "openings",
    metadata,
    Column("sample", Integer, ForeignKey("samples.id"), primary_key=True),
    Column("reader", Integer, ForeignKey("readers.id"), primary_key=True),
    Column("event", Integer, ForeignKey("events.number"), nullable=False),
)
"""Who has seen scores of a sample: no grade of theirs is blind from then on."""

grades = Table(
    "grades",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cell", Integer, ForeignKey("cells.id"), nullable=False),
    Column("reader", Integer, ForeignKey("readers.id"), nullable=False),
    Column("occasion", Integer, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("grade", Integer),
    Column("event", Integer, ForeignKey("events.number"), nullable=False),
    UniqueConstraint("cell", "reader", "occasion"),
    CheckConstraint("grade between 0 and 4", name="grade"),
    Index("grades_by_reader", "reader", "cell"),
)

settlements = Table(
    "settlements",
    metadata,
    Column("cell", Integer, ForeignKey("cells.id"), primary_key=True),
    Column("grade", Integer, nullable=False),
    Column("event", Integer, ForeignKey("events.number"), nullable=False),
    CheckConstraint("grade between 0 and 4", name="grade"),
)
"""What a lead settled where readers differ."""

picks = Table(
    "picks",
    metadata,
    Column("cell", Integer, ForeignKey("cells.id"), primary_key=True),
    Column("use", String(16), nullable=False),
    Column("container", String(16), nullable=False),
    Column("event", Integer, ForeignKey("events.number"), nullable=False),
    Column("confirmed", Integer, ForeignKey("events.number")),
    CheckConstraint("use in ('pick', 'control')", name="use"),
    CheckConstraint("container in ('single', 'pool')", name="container"),
)
"""Cells to be recovered, and matched controls. confirmed: the event of a second look."""

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sample", Integer, ForeignKey("samples.id"), nullable=False),
    Column("event", Integer, ForeignKey("events.number"), nullable=False),
    Column("supersedes", Integer, ForeignKey("reports.id")),
    Column("document", Text),
)
"""Signed reports as they were signed: none is ever edited; a later one supersedes it. document: None once a donor
has withdrawn."""

outcomes = Table(
    "outcomes",
    metadata,
    Column("cell", Integer, ForeignKey("cells.id"), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("event", Integer, ForeignKey("events.number"), nullable=False),
    CheckConstraint("outcome in ('positive', 'negative', 'failed')", name="outcome"),
)
"""What recovered cells turned out to be, by sequencing or the like."""
