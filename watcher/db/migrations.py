"""The schema, one function a step. Steps only add; a landed step is never edited. They are applied by `migrating`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watcher.db import wording

if TYPE_CHECKING:
    from sqlite_utils.db import Database

STEPS: list[Callable[[Database], None]] = []


def _step(function: Callable[[Database], None]) -> Callable[[Database], None]:
    STEPS.append(function)
    return function


def _script(db: Database, *statements: str) -> None:
    # not executescript: that commits first, and would take the step out of its transaction
    for statement in statements:
        db.conn.execute(statement)


@_step
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


@_step
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


@_step
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


@_step
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


@_step
def batches_sidecars_and_stacks(db: Database) -> None:
    """What came together, the files that tell about others, and each time an asset was dropped; their words indexed.

    A job's `lane` is minus its batch from here on. `scope` and `shot` find the few files that may belong together:
    the folder of a batch, and what their names have in common (watcher.pairing).
    """
    columns = "title, description, keywords, name, camera, lens, batch, place, creator, people, album, folder"
    watched = columns.replace("camera", "camera_make, camera_model")
    put = f"insert into assets_fts(rowid, {columns}) select id, {columns} from assets_text where id = new.id;"
    drop = (
        f"insert into assets_fts(assets_fts, rowid, {columns}) "
        f"select 'delete', id, {columns} from assets_text where id = old.id;"
    )
    _script(
        db,
        """create table batches (
             id integer primary key autoincrement,
             token text unique,                  -- of one `watcher add`; null for what was dropped
             inbox_id integer not null references inboxes(id),
             kind text not null check (kind in ('folder', 'archive', 'add')),
             name text not null,
             options text not null default '{}', -- JSON: what its batch.toml or `watcher add` asked for
             problem text,                       -- why its batch.toml cannot be followed
             numbered integer not null default 0, -- its pictures wait for their numbers until it is closed
             created_at text not null,
             news_at real not null,              -- unix seconds: when a file of it was last taken
             closed_at text,                     -- null while more may come
             cancelled_at text)""",
        "create index batches_by_name on batches (inbox_id, kind, name)",
        "create index batches_open on batches (inbox_id) where closed_at is null",
        *(
            f"alter table jobs add column {column}"
            for column in (
                "kind text not null default 'file'",  # or 'join': no file, but an asset and its sidecars
                "batch_id integer references batches(id)",
                "root_id integer references jobs(id)",  # of a member: the archive that was dropped
                "depth integer not null default 0",  # archives around it
                "listed integer not null default 0",  # of an archive: members that are jobs by now
                "lodged integer not null default 0",  # a member's bytes lie in .watcher/members, in a file of their own
                "numbering text",  # 'date': its date is to be read first; 'wait': for the batch's end; else null
                "taken text",  # its date, for the order of the numbers
                "sequence text",  # its number in the batch, as it is written
                "scope text",
                "shot text",
                "known integer",  # the last sidecar that there was when it was tried first
            )
        ),
        "update jobs set root_id = parent_id, depth = 1 where parent_id is not null",
        """update jobs set listed = (select max(member) + 1 from jobs c where c.parent_id = jobs.id)
           where exists (select 1 from jobs c where c.parent_id = jobs.id)""",
        "create index jobs_by_batch on jobs (batch_id, state)",
        # these few are asked for at each turn of the loop, however many members of archives wait beside them
        "create index jobs_in_spools on jobs (inbox_id) where claim is not null and discarded = 0",
        """create index jobs_to_list on jobs (batch_id)
             where state in ('queued', 'running') and (parent_id is null or listed > 0)""",
        "create index jobs_to_date on jobs (batch_id) where numbering = 'date' and state in ('queued', 'running')",
        "create index jobs_by_root on jobs (root_id) where root_id is not null",
        "create index jobs_by_shot on jobs (scope, shot)",
        """create table sidecars (
             id integer primary key,
             job_id integer not null unique references jobs(id),
             kind text not null check (kind in ('xmp', 'takeout', 'album')),
             digest text not null,
             key text not null,                  -- in storage
             name text not null,
             title text,                         -- Takeout's hint at its picture's name
             scope text not null,
             shot text not null,
             problem text)                       -- why it belongs to no picture, when there are some""",
        "create index sidecars_by_key on sidecars (key)",
        "create index sidecars_by_shot on sidecars (scope, shot)",
        """create table sidecars_of_assets (
             sidecar_id integer not null references sidecars(id),
             asset_id integer not null references assets(id),
             primary key (sidecar_id, asset_id)) without rowid""",
        "create index sidecars_by_asset on sidecars_of_assets (asset_id)",
        """create table provenance (                -- each time that an asset was dropped
             asset_id integer not null references assets(id),
             job_id integer not null,
             name text not null, folder text, album text, batch text, inbox text,
             created_at text not null,
             primary key (asset_id, job_id)) without rowid""",
        """insert into provenance select j.asset_id, j.id, j.name, a.folder, null, j.batch, i.name, j.created_at
           from jobs j join assets a on a.id = j.asset_id join inboxes i on i.id = j.inbox_id""",
        "alter table assets add column stored_size integer",  # null: as dropped
        "alter table assets add column stack integer",  # the asset that its shot is shown by; null: it is alone
        "create index assets_by_stack on assets (stack) where stack is not null",
        *(f"drop trigger assets_fts_{event}" for event in ("insert", "delete", "before", "after")),
        "drop table assets_fts",
        "drop view assets_text",
        """create view assets_text as select id, title, description,
             replace(trim(keywords, '[]"'), '", "', ' ') as keywords,
             name, trim(coalesce(camera_make, '') || ' ' || coalesce(camera_model, '')) as camera, lens, batch,
             place, creator, people, album, folder
           from assets""",
        f"""create virtual table assets_fts using fts5({columns},
             content='assets_text', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
        "insert into assets_fts(assets_fts) values ('rebuild')",
        f"create trigger assets_fts_insert after insert on assets begin {put} end",
        f"create trigger assets_fts_delete before delete on assets begin {drop} end",
        f"create trigger assets_fts_before before update of {watched} on assets begin {drop} end",
        f"create trigger assets_fts_after after update of {watched} on assets begin {put} end",
    )


@_step
def queries_and_edits(db: Database) -> None:
    """The index of the words as watcher/querying/folding.py reads them, saved queries, and what people changed.

    It reads the words of all assets anew, about 50 us each.
    """
    wording.install(db.conn)
    _script(
        db,
        """create table queries (
             name text primary key,
             query text not null,
             saved_at text not null) without rowid""",
        """create table edits (
             id integer primary key autoincrement,
             edit integer not null,              -- the number of one `watcher edit`: all of it is one change
             asset_id integer not null references assets(id) on delete cascade,
             field text not null,                -- the column; values as they stand in it
             old, new,
             edited_at text not null)""",
        "create index edits_by_asset on edits (asset_id, field)",
    )


@_step
def whole_values(db: Database) -> None:
    """Values are indexed as wholes too, and more of the columns; the words of all assets are read anew."""
    wording.rebuild(db.conn)


@_step
def stories_and_copies(db: Database) -> None:
    """How a file was seen, what it waited for, which tries did not end it; what was copied; what verify found."""
    _script(
        db,
        *(
            f"alter table jobs add column {column}"
            for column in (
                "seen_at text",  # UTC: when its name was first met; created_at is the time of its claim
                "seen_by text",  # 'event', 'scan' or 'add'
                "waited text",  # JSON: [[why, seconds], ...] before it was taken
                "copied integer not null default 0",  # its file stays in the inbox: the spool has a copy of it
            )
        ),
        """create table attempts (                  -- tries that did not end their job
             job_id integer not null,
             attempt integer not null,
             started_at text, ended_at text not null,
             outcome text not null check (outcome in ('failed', 'died', 'unavailable', 'interrupted', 'stopped')),
             reason text,
             primary key (job_id, attempt)) without rowid""",
        """create table taken (                     -- of inboxes with take = "copy": what was taken, as it was then
             inbox_id integer not null references inboxes(id),
             path blob not null,                 -- below the inbox
             size integer not null, mtime_ns integer not null, inode integer not null,
             job_id integer not null,
             primary key (inbox_id, path)) without rowid""",
        """create table checks (                    -- what `watcher verify` last found of an original
             asset_id integer primary key references assets(id) on delete cascade,
             checked_at text not null,
             problem text)""",
        "create index checks_by_time on checks (checked_at)",
    )


@_step
def drops_outlive_jobs(db: Database) -> None:
    """Each drop of an asset is told by itself, so that its job's row may go; those that went are counted."""
    of_job = "state, inbox_id, path, batch_id, sequence, scope, shot"
    _script(
        db,
        *(
            f"alter table provenance add column {column}"
            for column in (
                "state text not null default 'done'",  # of its job: 'done' or 'duplicate'
                "inbox_id integer references inboxes(id)",
                "path blob",
                "batch_id integer references batches(id)",
                "sequence text",
                "scope text",
                "shot text",
            )
        ),
        f"""update provenance set ({of_job}) = (select {of_job} from jobs where id = job_id)
            where job_id in (select id from jobs)""",
        "create index provenance_by_job on provenance (job_id)",
        "create index provenance_by_name on provenance (name)",
        "create index provenance_by_shot on provenance (scope, shot)",
        "create index provenance_by_batch on provenance (batch_id) where batch_id is not null",
        "drop index jobs_by_shot",  # what it was for is asked of provenance
        """create table folded (                    -- jobs whose rows are gone, by batch, archive and state
             batch_id integer not null, parent_id integer not null, -- 0: none
             state text not null,
             jobs integer not null,
             files integer not null, bytes integer not null, -- those that count as files of the batch
             ended_at text not null,             -- the last of them
             primary key (batch_id, parent_id, state)) without rowid""",
    )


@_step
def facts_beside_rows(db: Database) -> None:
    """What patterns, counts and facets ask of all assets, once more as an index: a row has kilobytes of metadata.

    SQLite reads it in place of the table wherever its columns are enough. A tenth of the catalog's size.
    """
    _script(
        db,
        # by the time of import, as the rows come: what a list of ids is held against is met in its order
        """create index assets_by_facts on assets (
             imported_at, folder, batch, album, people, creator, keywords, flags, place, location, city, state, country,
             copyright, format, camera_make, camera_model, lens, iso, f_number, exposure, exposure_time,
             focal_length_mm, size, width, height, orientation, rating, favourite, latitude, longitude, altitude_m,
             inbox, taken_at, taken_offset, taken_precision, taken_source)""",
        "create index assets_by_description on assets (description) where description is not null",
    )
