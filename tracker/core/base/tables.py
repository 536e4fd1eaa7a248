"""The system tables. Migrations build them; a test holds both to be equal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from tracker.fields.storage import Moment, PlainText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
STRICT_IDS: Any = {"sqlite_autoincrement": True}  # an id deleted for good is never given out again

version = Table(
    "sys_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("design", BigInteger, nullable=False),
    Column("grants", BigInteger, nullable=False),
    Column("plugins", BigInteger, nullable=False),
    comment="One row, read in every transaction: what is cached per number is dropped when it moves.",
)

setting = Table(
    "sys_setting",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("value", Json, nullable=False),
)

definition = Table(
    "sys_definition",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", PlainText, nullable=False),
    Column("uid", PlainText, nullable=False, unique=True),
    Column("parent_id", Id, ForeignKey("sys_definition.id")),
    Column("key", PlainText, nullable=False),
    Column("body", Json, nullable=False),
    Column("created_cs", Id, nullable=False),
    Column("changed_cs", Id, nullable=False),
    Column("dropped_cs", Id),
    Index("ix_sys_definition_parent", "parent_id"),
    comment="Everything people configure: trackers, fields, views, rules, groups, grants; one row each.",
    **STRICT_IDS,
)

step = Table(
    "sys_step",
    metadata,
    Column("id", Id, primary_key=True),
    Column("change_set_id", Id, ForeignKey("sys_change_set.id"), nullable=False, index=True),
    Column("definition_id", Id, nullable=False, index=True),
    Column("kind", PlainText, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("key_before", PlainText),
    Column("key_after", PlainText),
    comment="What a change set did to definitions; before and after are whole bodies; keys are named where one was renamed.",
)

field_column = Table(
    "sys_field_column",
    metadata,
    Column("column", PlainText, primary_key=True),
    Column("field_id", Id, nullable=False, index=True),
    Column("tracker_id", Id, nullable=False),
    Column("type", PlainText, nullable=False),
    Column("options", Json, nullable=False),
    Column("encrypted", Boolean(create_constraint=False), nullable=False),
    Column("from_cs", Id, nullable=False),
    Column("to_cs", Id),
    comment="Every physical column ever, so that an old diff is read by its own column's type.",
)

change_set = Table(
    "sys_change_set",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor_id", Id),
    Column("actor_name", PlainText, nullable=False),
    Column("door", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("state", PlainText, nullable=False),
    Column("undoes_id", Id, ForeignKey("sys_change_set.id"), index=True),
    Column("place", Json),
    comment="One save, import, bulk edit, apply or undo: who, when, through which door, why.",
    **STRICT_IDS,
)

touched = Table(
    "sys_touched",
    metadata,
    Column("change_set_id", Id, ForeignKey("sys_change_set.id"), nullable=False),
    Column("tracker_id", Id, nullable=False),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("trashed", BigInteger, nullable=False, server_default="0"),
    Column("restored", BigInteger, nullable=False, server_default="0"),
    Column("erased", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("change_set_id", "tracker_id"),
    Index("ix_sys_touched_tracker_id", "tracker_id", "change_set_id"),
)
# Rows without a count were written once, for trackers that merely link: they tell of nothing, and open nothing.
touches = touched.c.created + touched.c.changed + touched.c.trashed + touched.c.restored + touched.c.erased
counted = touches > 0

revision = Table(
    "sys_revision",
    metadata,
    Column("tracker_id", Id, nullable=False),
    Column("item_id", Id, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("change_set_id", Id, nullable=False),
    Column("diff", Json, nullable=False),
    PrimaryKeyConstraint("tracker_id", "item_id", "version"),
    Index("ix_sys_revision_change_set_id", "change_set_id", "tracker_id"),
    sqlite_with_rowid=False,
    comment="{physical column: [old, new]} for each change of an item that existed before.",
)

search = Table(
    "sys_search",
    metadata,
    Column("key", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("body", PlainText, nullable=False),
    comment="Folded words of an item and visibility class; key = tracker << 40 | item << 4 | class.",
)

user = Table(
    "sys_user",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", PlainText, nullable=False, unique=True),
    Column("email", PlainText, nullable=False),
    Column("email_folded", PlainText, nullable=False, unique=True),
    Column("name", PlainText, nullable=False),
    Column("password", PlainText),
    Column("admin", Boolean(create_constraint=False), nullable=False),
    Column("disabled", Boolean(create_constraint=False), nullable=False),
    Column("locale", PlainText),
    Column("zone", PlainText),
    Column("created_at", Moment, nullable=False),
    **STRICT_IDS,
)

membership = Table(
    "sys_membership",
    metadata,
    Column("user_id", Id, ForeignKey("sys_user.id"), nullable=False),
    Column("group_id", Id, ForeignKey("sys_definition.id"), nullable=False),
    PrimaryKeyConstraint("user_id", "group_id"),
)

session = Table(
    "sys_session",
    metadata,
    Column("hash", PlainText, primary_key=True),
    Column("user_id", Id, ForeignKey("sys_user.id"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("verified_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

once = Table(
    "sys_once",
    metadata,
    Column("hash", PlainText, primary_key=True),
    Column("purpose", PlainText, nullable=False),
    Column("user_id", Id, ForeignKey("sys_user.id")),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    comment="One-time links; only their hash is kept.",
)

throttle = Table(
    "sys_throttle",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("until", Moment, nullable=False),
)

key = Table(
    "sys_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("purpose", PlainText, nullable=False),
    Column("field_uid", PlainText, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("purpose", "field_uid", "version"),
    **STRICT_IDS,
)

job = Table(
    "sys_job",
    metadata,
    Column("id", Id, primary_key=True),
    Column("topic", PlainText, nullable=False),
    Column("payload", Json, nullable=False),
    Column("change_set_id", Id),
    Column("state", PlainText, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("lease", PlainText),
    Column("lease_until", Moment),
    Column("attempts", BigInteger, nullable=False, server_default="0"),
    Column("progress", Json),
    Column("error", PlainText),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("ix_sys_job_due", "state", "due_at"),
    comment="Outbox and queue in one: written in the transaction of its cause, taken by lease.",
    **STRICT_IDS,
)

worker = Table(
    "sys_worker",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    comment="Signs of life: one row for each worker that runs.",
)

audit = Table(
    "sys_audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor_id", Id),
    Column("actor_name", PlainText, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("tracker_id", Id),
    Column("item_id", Id),
    Column("field_id", Id),
    Column("detail", Json),
    **STRICT_IDS,
)

profile = Table(
    "sys_profile",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("version", PlainText, nullable=False),
    Column("text", PlainText, nullable=False),
    Column("answers", Json, nullable=False),
    Column("base", Json, nullable=False),
    Column("applied_cs", Id, nullable=False),
    Column("demo_cs", Json),
)

file = Table(
    "sys_file",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", PlainText, nullable=False, unique=True),
    Column("name", PlainText, nullable=False),
    Column("media_type", PlainText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", PlainText, nullable=False),
    Column("path", PlainText, nullable=False),
    Column("created_cs", Id, nullable=False),
    Column("field_uid", PlainText),  # of a sealed one: the field under whose key the next column is
    Column("sealed", PlainText),  # what opens it, its name and its type
    **STRICT_IDS,
)

counter = Table(
    "sys_counter",
    metadata,
    Column("field_id", Id, nullable=False),
    Column("period", PlainText, nullable=False),
    Column("last", BigInteger, nullable=False),
    PrimaryKeyConstraint("field_id", "period"),
    comment="The last number that an autonumber field gave out, by period.",
)

# Definitions are unique by kind, parent and key while they stand; NULL parents count as one.
Index(
    "uq_sys_definition_key",
    definition.c.kind,
    text("coalesce(parent_id, 0)"),
    definition.c.key,
    unique=True,
    sqlite_where=definition.c.dropped_cs.is_(None),
    postgresql_where=definition.c.dropped_cs.is_(None),
)
