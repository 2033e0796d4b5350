"""The schema, one function a step. Steps only add; a landed step is never edited. Applied by `connect.migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils.migrations import Migrations

if TYPE_CHECKING:
    from sqlite_utils.db import Database

catalog = Migrations("watcher")


def _script(db: Database, *statements: str) -> None:
    # not executescript: that commits first, and would take the step out of its transaction
    for statement in statements:
        db.conn.execute(statement)


@catalog()
def jobs_and_inboxes(db: Database) -> None:
    """The journal: one row a file (or member of an archive), from its claim to its discard."""
    _script(
        db,
        """create table inboxes (
             id integer primary key,
             name text not null,
             path blob not null unique,          -- absolute, as bytes
             first_seen text not null)""",
        """create table jobs (
             id integer primary key autoincrement,
             claim text unique,                  -- names the spool folder; null for a member
             parent_id integer references jobs(id),
             member integer,                     -- place in the archive's directory
             inbox_id integer not null references inboxes(id),
             path blob not null,                 -- below the inbox, or in the archive; the bytes as dropped
             name text not null,                 -- base name as text
             batch text,
             lane integer not null default 0,    -- who shares the workers round robin: 0 loose files, else the parent
             size integer,
             state text not null check (state in
               ('queued','running','expanded','done','duplicate','failed','ignored','cancelled')),
             attempt integer not null default 0,       -- the fencing token: only grows
             excused integer not null default 0,       -- attempts that prove nothing about the file
             interruptions integer not null default 0, -- daemon deaths while it ran
             deaths integer not null default 0,        -- worker deaths and time-outs
             not_before real not null default 0,       -- unix seconds; back-off
             reason text,
             created_at text not null,
             started_at text,
             finished_at text,                   -- null until its state is an end
             asset_id integer references assets(id),
             announced integer not null default 0,
             discarded integer not null default 0,
             surplus text,                       -- JSON: keys that discard deletes, unless an asset names them
             left_at blob,                       -- where a failed file lies, below the inbox
             unique (parent_id, member))""",
        "create index jobs_by_lane on jobs (state, lane, id)",
        "create index jobs_by_due on jobs (state, not_before)",
        "create index jobs_by_name on jobs (name)",
        "create index jobs_by_asset on jobs (asset_id)",
        "create index jobs_by_parent on jobs (parent_id, state)",
        # only what is still to be done is in these two: they stay small however long the history grows
        "create index jobs_unannounced on jobs (finished_at) where announced = 0 and finished_at is not null",
        "create index jobs_undiscarded on jobs (id) where discarded = 0 and finished_at is not null",
    )


@catalog()
def assets_and_renditions(db: Database) -> None:
    """The catalog: one row a picture, known by the digest of its bytes as dropped."""
    _script(
        db,
        """create table assets (
             id integer primary key,
             digest text not null unique,        -- SHA-256, hex, of the bytes as dropped
             stored_digest text not null,        -- of the original in the library
             key text not null,                  -- of the original in storage
             name text not null,
             format text not null,
             size integer not null,
             width integer, height integer,      -- upright
             orientation integer,                -- as read
             taken_at text, taken_offset text, taken_precision text, taken_source text,
             camera_make text, camera_model text, lens text,
             iso integer, f_number real, exposure_time real, exposure text, focal_length_mm real,
             latitude real, longitude real, altitude_m real,
             title text, description text,
             keywords text not null default '[]', -- JSON array, not escaped: its letters are indexed
             rating integer,
             people text, place text, favourite integer,
             flags text not null default '[]',    -- JSON array
             folder text, album text, batch text, inbox text,
             imported_at text not null,           -- UTC, Z
             metadata text not null default '{}', -- JSON: everything that was read
             job_id integer)""",
        "create index assets_by_size on assets (size)",
        "create index assets_by_key on assets (key)",
        "create index assets_by_name on assets (name)",
        "create index assets_by_taken on assets (taken_at)",
        """create table renditions (
             asset_id integer not null references assets(id),
             recipe text not null,
             key text not null,
             width integer not null, height integer not null, size integer not null,
             primary key (asset_id, recipe)) without rowid""",
        "create index renditions_by_key on renditions (key)",
    )


@catalog()
def full_text(db: Database) -> None:
    """The index over the words of an asset. External content: a view; triggers keep it in step with the table.

    A delete must name the old values, so the triggers that take away run before the row changes. The view makes do
    without json_each: with a virtual table in it FTS5 can neither rebuild the index nor check it against the rows.
    """
    columns = "title, description, keywords, name, camera, lens, batch"
    watched = "title, description, keywords, name, camera_make, camera_model, lens, batch"
    put = f"insert into assets_fts(rowid, {columns}) select id, {columns} from assets_text where id = new.id;"
    drop = (
        f"insert into assets_fts(assets_fts, rowid, {columns}) "
        f"select 'delete', id, {columns} from assets_text where id = old.id;"
    )
    _script(
        db,
        """create view assets_text as select id, title, description,
             replace(trim(keywords, '[]"'), '", "', ' ') as keywords,
             name, trim(coalesce(camera_make, '') || ' ' || coalesce(camera_model, '')) as camera, lens, batch
           from assets""",
        f"""create virtual table assets_fts using fts5({columns},
             content='assets_text', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
        f"create trigger assets_fts_insert after insert on assets begin {put} end",
        f"create trigger assets_fts_delete before delete on assets begin {drop} end",
        f"create trigger assets_fts_before before update of {watched} on assets begin {drop} end",
        f"create trigger assets_fts_after after update of {watched} on assets begin {put} end",
    )


@catalog()
def fingerprints_creators_and_places(db: Database) -> None:
    """What a rendition was made by, and the rest of what a picture says: its creator and its place, indexed too.

    The columns of an FTS5 table cannot be added to: the index, its view and its triggers are made anew.
    """
    columns = "title, description, keywords, name, camera, lens, batch, place, creator"
    watched = "title, description, keywords, name, camera_make, camera_model, lens, batch, place, creator"
    put = f"insert into assets_fts(rowid, {columns}) select id, {columns} from assets_text where id = new.id;"
    drop = (
        f"insert into assets_fts(assets_fts, rowid, {columns}) "
        f"select 'delete', id, {columns} from assets_text where id = old.id;"
    )
    _script(
        db,
        "alter table renditions add column fingerprint text not null default ''",  # '' is of no recipe that there is
        *(f"alter table assets add column {name} text" for name in
          ("creator", "copyright", "city", "state", "country", "location")),
        *(f"drop trigger assets_fts_{event}" for event in ("insert", "delete", "before", "after")),
        "drop table assets_fts",
        "drop view assets_text",
        """create view assets_text as select id, title, description,
             replace(trim(keywords, '[]"'), '", "', ' ') as keywords,
             name, trim(coalesce(camera_make, '') || ' ' || coalesce(camera_model, '')) as camera, lens, batch,
             place, creator
           from assets""",
        f"""create virtual table assets_fts using fts5({columns},
             content='assets_text', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
        "insert into assets_fts(assets_fts) values ('rebuild')",
        f"create trigger assets_fts_insert after insert on assets begin {put} end",
        f"create trigger assets_fts_delete before delete on assets begin {drop} end",
        f"create trigger assets_fts_before before update of {watched} on assets begin {drop} end",
        f"create trigger assets_fts_after after update of {watched} on assets begin {put} end",
    )  # fmt: skip
