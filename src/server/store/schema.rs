//! The tables, and how older ones become them. Times are milliseconds since 1970.

use sqlx::{Row as _, SqliteConnection};

use crate::error::{Error, ErrorKind, Result};

use super::of_sql;

/// Each step makes the tables of the next version of those of the one before; a step that was published never changes.
const STEPS: &[&str] = &[
    "
-- what senders told; a body is kept only where it could not be read
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    received INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('taken', 'deleted', 'dead')),
    repository TEXT,
    tag TEXT,
    digest TEXT,
    job INTEGER REFERENCES job (id) ON DELETE SET NULL,
    reason TEXT,
    body BLOB,
    UNIQUE (source, sender_id)
) STRICT;
CREATE INDEX event_by_time ON event (received);
CREATE INDEX event_dead ON event (id) WHERE state = 'dead';

-- what is to be done, and was done; the key is the same for what need not be done twice
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    lane INTEGER NOT NULL,
    source TEXT NOT NULL,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT,
    digest TEXT,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    lease INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    ended INTEGER,
    reason TEXT
) STRICT;
CREATE INDEX job_waiting ON job (lane, source, priority DESC, id) WHERE state = 'queued';
CREATE INDEX job_leased ON job (lease_until) WHERE state = 'leased';
CREATE INDEX job_dead ON job (id) WHERE state = 'dead';
CREATE INDEX job_ended ON job (ended) WHERE ended IS NOT NULL;

-- whose turn it is, and how many wait of each
CREATE TABLE turn (
    source TEXT PRIMARY KEY,
    served INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- manifests and indexes that were seen
CREATE TABLE image (
    id INTEGER PRIMARY KEY,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    deleted INTEGER,
    UNIQUE (registry, repository, digest)
) STRICT;
CREATE INDEX image_by_source ON image (source, last_seen);

-- what tags point at
CREATE TABLE tag (
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    moved INTEGER NOT NULL,
    PRIMARY KEY (registry, repository, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_image ON tag (image);

-- what scans found, the newest last
CREATE TABLE report (
    id TEXT PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    job INTEGER NOT NULL REFERENCES job (id),
    source TEXT NOT NULL,
    made INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    has_gaps INTEGER NOT NULL,
    policy TEXT NOT NULL,
    data_version TEXT NOT NULL,
    summary TEXT NOT NULL
) STRICT;
CREATE INDEX report_by_image ON report (image, made);
CREATE INDEX report_by_time ON report (made);
CREATE UNIQUE INDEX report_by_job ON report (job);

-- a report in each format, compressed
CREATE TABLE document (
    report TEXT NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    size INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (report, format)
) STRICT, WITHOUT ROWID;

-- findings of reports, for search
CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    report TEXT NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    platform TEXT NOT NULL,
    rule TEXT NOT NULL,
    severity INTEGER NOT NULL,
    action TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    message TEXT NOT NULL,
    path TEXT,
    package TEXT,
    fixed TEXT
) STRICT;
CREATE INDEX finding_by_report ON finding (report, severity DESC, id);
CREATE INDEX finding_by_rule ON finding (rule, id);

-- what is to be told to others
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    report TEXT NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    ended INTEGER,
    reason TEXT,
    UNIQUE (action, report)
) STRICT;
CREATE INDEX delivery_waiting ON delivery (not_before, id) WHERE state = 'queued';

-- who may ask; only digests of tokens are here
CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE,
    scope TEXT NOT NULL,
    sources TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
) STRICT;

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;

-- single values: what a sweep saw last, the version of advisory data
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
",
    "
-- what Harbor asked for; it asks for the same image more than once
CREATE TABLE harbor_scan (
    id TEXT PRIMARY KEY,
    image TEXT NOT NULL,
    job INTEGER NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX harbor_scan_by_image ON harbor_scan (image);
CREATE INDEX harbor_scan_by_job ON harbor_scan (job);

-- what Harbor lent for a scan, encrypted; gone when the job ends, however it ends
CREATE TABLE harbor_credential (
    job INTEGER PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL
) STRICT;
CREATE TRIGGER harbor_forgets AFTER UPDATE OF state ON job WHEN NEW.state IN ('done', 'dead')
BEGIN
    DELETE FROM harbor_credential WHERE job = NEW.id;
END;
",
    "
-- each action takes what is its own; what goes takes its own with it, without a look through whole tables
DROP INDEX delivery_waiting;
CREATE INDEX delivery_waiting ON delivery (action, not_before, id) WHERE state = 'queued';
CREATE INDEX delivery_by_report ON delivery (report);
CREATE INDEX delivery_by_state ON delivery (state, id);
CREATE INDEX event_by_job ON event (job);
",
    "
-- header fields of what could not be read, as far as its reader looks at them: an array of names and values
ALTER TABLE event ADD COLUMN fields TEXT;
",
    "
-- what a tag was before, for the trend of a name; the last fifty moves of each
CREATE TABLE tag_move (
    id INTEGER PRIMARY KEY,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    moved INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_move_by_name ON tag_move (registry, repository, name, id);
CREATE INDEX tag_move_by_image ON tag_move (image);
INSERT INTO tag_move (registry, repository, name, image, moved)
SELECT registry, repository, name, image, moved FROM tag;

-- images that had tags and have none any more
CREATE TABLE replaced (image INTEGER PRIMARY KEY REFERENCES image (id) ON DELETE CASCADE) STRICT;
INSERT INTO replaced SELECT i.id FROM image i WHERE NOT EXISTS (SELECT 1 FROM tag t WHERE t.image = i.id)
AND EXISTS (SELECT 1 FROM report r JOIN job j ON j.id = r.job WHERE r.image = i.id AND j.tag IS NOT NULL);

CREATE TRIGGER tag_comes AFTER INSERT ON tag
BEGIN
    INSERT INTO tag_move (registry, repository, name, image, moved)
    VALUES (NEW.registry, NEW.repository, NEW.name, NEW.image, NEW.moved);
    DELETE FROM replaced WHERE image = NEW.image;
END;
CREATE TRIGGER tag_moves AFTER UPDATE OF image ON tag
BEGIN
    INSERT INTO tag_move (registry, repository, name, image, moved)
    VALUES (NEW.registry, NEW.repository, NEW.name, NEW.image, NEW.moved);
    DELETE FROM tag_move WHERE registry = NEW.registry AND repository = NEW.repository AND name = NEW.name
    AND id <= (SELECT id FROM tag_move WHERE registry = NEW.registry AND repository = NEW.repository
        AND name = NEW.name ORDER BY id DESC LIMIT 1 OFFSET 50);
    DELETE FROM replaced WHERE image = NEW.image;
    INSERT OR IGNORE INTO replaced SELECT id FROM image WHERE id = OLD.image
    AND NOT EXISTS (SELECT 1 FROM tag WHERE image = OLD.image);
END;
CREATE TRIGGER tag_goes AFTER DELETE ON tag
BEGIN
    INSERT OR IGNORE INTO replaced SELECT id FROM image WHERE id = OLD.image
    AND NOT EXISTS (SELECT 1 FROM tag WHERE image = OLD.image);
END;

-- the manifests of an index, as its reports tell
CREATE TABLE part (
    whole INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (whole, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_by_digest ON part (digest);
CREATE TRIGGER report_tells_parts AFTER INSERT ON report
BEGIN
    INSERT OR IGNORE INTO part (whole, digest)
    SELECT NEW.image, one.value ->> '$.digest' FROM json_each(NEW.summary, '$.images') AS one
    WHERE one.value ->> '$.digest' IS NOT NULL
    AND one.value ->> '$.digest' <> (SELECT digest FROM image WHERE id = NEW.image);
END;

-- what is not done of an image
CREATE INDEX job_open_by_digest ON job (digest) WHERE state <> 'done';
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';

-- who is logged in to the pages; only digests of their cookies are here
CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    token INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_token ON session (token, created);
",
    "
-- an image belongs to each source that tells of it, with tags, jobs and reports of its own
DROP TRIGGER report_tells_parts;
CREATE TABLE image_of_source (
    id INTEGER PRIMARY KEY,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    deleted INTEGER,
    UNIQUE (registry, repository, digest, source)
) STRICT;
INSERT INTO image_of_source SELECT id, registry, repository, digest, source, first_seen, last_seen, deleted FROM image;
CREATE TABLE tag_of_source (
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    -- before what is not of the key: SQLite 3.40 takes such a table for damaged otherwise
    source TEXT NOT NULL,
    image INTEGER NOT NULL REFERENCES image (id) ON DELETE CASCADE,
    moved INTEGER NOT NULL,
    PRIMARY KEY (registry, repository, name, source)
) STRICT, WITHOUT ROWID;
INSERT INTO tag_of_source SELECT t.registry, t.repository, t.name, i.source, t.image, t.moved
FROM tag t JOIN image i ON i.id = t.image;
ALTER TABLE tag_move ADD COLUMN source TEXT NOT NULL DEFAULT '';
UPDATE tag_move SET source = (SELECT i.source FROM image i WHERE i.id = tag_move.image);
DROP TABLE tag;
DROP TABLE image;
ALTER TABLE image_of_source RENAME TO image;
ALTER TABLE tag_of_source RENAME TO tag;
CREATE INDEX image_by_source ON image (source, last_seen);
CREATE INDEX tag_by_image ON tag (image);
DROP INDEX tag_move_by_name;
CREATE INDEX tag_move_by_name ON tag_move (registry, repository, name, source, id);
CREATE TRIGGER tag_comes AFTER INSERT ON tag
BEGIN
    INSERT INTO tag_move (registry, repository, name, image, moved, source)
    VALUES (NEW.registry, NEW.repository, NEW.name, NEW.image, NEW.moved, NEW.source);
    DELETE FROM replaced WHERE image = NEW.image;
END;
CREATE TRIGGER tag_moves AFTER UPDATE OF image ON tag
BEGIN
    INSERT INTO tag_move (registry, repository, name, image, moved, source)
    VALUES (NEW.registry, NEW.repository, NEW.name, NEW.image, NEW.moved, NEW.source);
    DELETE FROM tag_move WHERE registry = NEW.registry AND repository = NEW.repository AND name = NEW.name
    AND source = NEW.source AND id <= (SELECT id FROM tag_move WHERE registry = NEW.registry
        AND repository = NEW.repository AND name = NEW.name AND source = NEW.source ORDER BY id DESC LIMIT 1 OFFSET 50);
    DELETE FROM replaced WHERE image = NEW.image;
    INSERT OR IGNORE INTO replaced SELECT id FROM image WHERE id = OLD.image
    AND NOT EXISTS (SELECT 1 FROM tag WHERE image = OLD.image);
END;
CREATE TRIGGER tag_goes AFTER DELETE ON tag
BEGIN
    INSERT OR IGNORE INTO replaced SELECT id FROM image WHERE id = OLD.image
    AND NOT EXISTS (SELECT 1 FROM tag WHERE image = OLD.image);
END;
CREATE TRIGGER report_tells_parts AFTER INSERT ON report
BEGIN
    INSERT OR IGNORE INTO part (whole, digest)
    SELECT NEW.image, one.value ->> '$.digest' FROM json_each(NEW.summary, '$.images') AS one
    WHERE one.value ->> '$.digest' IS NOT NULL
    AND one.value ->> '$.digest' <> (SELECT digest FROM image WHERE id = NEW.image);
END;
UPDATE job SET key = 'scan ' || source || ' ' || substr(key, 6) WHERE key GLOB 'scan *';
UPDATE job SET key = 'rematch ' || source || ' ' || substr(key, 9) WHERE key GLOB 'rematch *';
",
    "
-- with an image goes what was known of its scan: pushed again it is scanned again
CREATE TRIGGER image_goes AFTER DELETE ON image
BEGIN
    UPDATE job SET key = key || ' gone ' || id WHERE state = 'done'
    AND key = 'scan ' || OLD.source || ' ' || OLD.registry || '/' || OLD.repository || '@' || OLD.digest;
END;
UPDATE job SET key = key || ' gone ' || id WHERE state = 'done' AND kind = 'scan'
AND key = 'scan ' || source || ' ' || registry || '/' || repository || '@' || digest
AND NOT EXISTS (SELECT 1 FROM image i WHERE i.registry = job.registry AND i.repository = job.repository
    AND i.digest = job.digest AND i.source = job.source);
",
    "
-- what a delivery sets, of which the newest counts
ALTER TABLE delivery ADD COLUMN target TEXT;
CREATE INDEX delivery_by_target ON delivery (action, target, id) WHERE target IS NOT NULL;
",
    "
-- when what is known of a tag or an image was so; what was so earlier changes nothing of it
ALTER TABLE tag ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE tag SET since = moved;
ALTER TABLE image ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE image SET since = first_seen;

-- when it happened what an event tells of
ALTER TABLE event ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE event SET at = received;
CREATE INDEX event_deleted ON event (source, repository, at) WHERE state = 'deleted';
CREATE INDEX event_dead_of_source ON event (source, id) WHERE state = 'dead';

-- when the last sweep began that saw all tags of a repository
CREATE TABLE swept (
    source TEXT NOT NULL,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    began INTEGER NOT NULL,
    PRIMARY KEY (source, registry, repository)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_pin_waiting ON job (repository, tag, source, registry) WHERE kind = 'pin' AND state = 'queued';

-- a tag that comes to an image which was judged before is told of too: its move, its name, the report of what it was
CREATE TABLE delivery_of_move (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    report TEXT NOT NULL REFERENCES report (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('queued', 'leased', 'done', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    ended INTEGER,
    reason TEXT,
    target TEXT,
    move INTEGER NOT NULL DEFAULT 0,
    tag TEXT,
    before TEXT,
    UNIQUE (action, report, move)
) STRICT;
INSERT INTO delivery_of_move (id, action, report, state, attempts, created, not_before, ended, reason, target)
SELECT id, action, report, state, attempts, created, not_before, ended, reason, target FROM delivery;
DROP TABLE delivery;
ALTER TABLE delivery_of_move RENAME TO delivery;
CREATE INDEX delivery_waiting ON delivery (action, not_before, id) WHERE state = 'queued';
CREATE INDEX delivery_by_report ON delivery (report);
CREATE INDEX delivery_by_state ON delivery (state, id);
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';
CREATE INDEX delivery_by_target ON delivery (action, target, id) WHERE target IS NOT NULL;
",
    "
-- when careen heard of a tag last, by its own clock; and whether `since` is by its sender's, so that another time of that
-- sender says which is newer
ALTER TABLE tag ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tag ADD COLUMN sure INTEGER NOT NULL DEFAULT 0;
UPDATE tag SET heard = max(moved, since);

-- what was known last of tags that are not there
CREATE TABLE tag_gone (
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    since INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    sure INTEGER NOT NULL,
    PRIMARY KEY (registry, repository, name, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_gone_by_time ON tag_gone (heard);
CREATE TRIGGER tag_is_remembered AFTER DELETE ON tag
BEGIN
    INSERT INTO tag_gone (registry, repository, name, source, since, heard, sure)
    VALUES (OLD.registry, OLD.repository, OLD.name, OLD.source, OLD.since, OLD.heard, OLD.sure)
    ON CONFLICT (registry, repository, name, source)
    DO UPDATE SET since = max(since, excluded.since), heard = max(heard, excluded.heard), sure = min(sure, excluded.sure);
END;
CREATE TRIGGER tag_is_back AFTER INSERT ON tag
BEGIN
    DELETE FROM tag_gone WHERE registry = NEW.registry AND repository = NEW.repository AND name = NEW.name
    AND source = NEW.source;
END;

-- what was told of as deleted is looked for by what it was
ALTER TABLE event ADD COLUMN sure INTEGER NOT NULL DEFAULT 1;
DROP INDEX event_deleted;
CREATE INDEX event_deleted_digest ON event (source, repository, digest) WHERE state = 'deleted' AND digest IS NOT NULL;
CREATE INDEX event_deleted_tag ON event (source, repository, tag) WHERE state = 'deleted' AND tag IS NOT NULL;

-- moves of tags to images that were not judged yet: told of with their first report
CREATE TABLE move_waiting (
    move INTEGER PRIMARY KEY REFERENCES tag_move (id) ON DELETE CASCADE,
    image INTEGER NOT NULL,
    before INTEGER NOT NULL
) STRICT;
CREATE INDEX move_waiting_by_image ON move_waiting (image);
",
    "
-- in the order in which the queue takes them: each attempt makes a job a minute younger, up to fifteen
DROP INDEX job_waiting;
CREATE INDEX job_waiting ON job (lane, source, priority DESC, not_before + min(attempts, 15) * 60000, id)
WHERE state = 'queued';
",
    "
-- when the sender of an image says that it was pushed last, by its own clock
ALTER TABLE image ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
",
];

/// Brings the tables up to date, all steps or none. A step may make a table anew that others refer to.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    let cannot = |e| of_sql("cannot bring the store up to date", e);
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *connection).await.map_err(cannot)?;
    let version: i64 = row.try_get(0).map_err(cannot)?;
    let done = usize::try_from(version).ok().filter(|done| *done <= STEPS.len()).ok_or_else(|| {
        Error::new(ErrorKind::Config, "the store was made by a newer careen").help("run that one, or put back a backup")
    })?;
    if done == STEPS.len() {
        return Ok(());
    }
    // a table that goes would take along what refers to it
    sqlx::raw_sql("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(cannot)?;
    for step in STEPS.get(done..).unwrap_or_default() {
        sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(cannot)?;
    }
    let strays = sqlx::query("PRAGMA foreign_key_check").fetch_optional(&mut *connection).await.map_err(cannot)?;
    if strays.is_some() {
        return Err(Error::new(ErrorKind::Io, "cannot bring the store up to date: it refers to what is not there")
            .help("put back a backup"));
    }
    let stamp = format!("PRAGMA user_version = {}; COMMIT; PRAGMA foreign_keys = ON", STEPS.len());
    sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *connection).await.map_err(cannot)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Connection as _};

    use super::super::Store;
    use super::*;

    /// A store as an older careen left it, with these rows.
    async fn older(file: &Path, version: usize, rows: &str) {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true).foreign_keys(true);
        let mut connection = options.connect().await.expect("a file");
        for step in &STEPS[..version] {
            sqlx::raw_sql(*step).execute(&mut connection).await.expect("a step");
        }
        let rows = format!("{rows}; PRAGMA user_version = {version}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&mut connection).await.expect("rows");
        connection.close().await.expect("closed");
    }

    #[tokio::test]
    async fn images_of_an_older_store_belong_to_the_source_that_told_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("careen.db");
        let rows = "
            INSERT INTO image VALUES (1, 'main', 'a', 'sha256:1', 'shop', 1, 2, NULL), (2, 'main', 'a', 'sha256:2', 'shop', 1, 2, 3);
            INSERT INTO tag VALUES ('main', 'a', 'x', 1, 5);
            UPDATE tag SET image = 2, moved = 6;
            INSERT INTO job (id, key, kind, lane, source, registry, repository, priority, state, created, not_before) VALUES
            (1, 'scan main/a@sha256:1', 'scan', 1, 'shop', 'main', 'a', 1, 'done', 0, 0),
            (2, 'scan main/a@sha256:1 again i', 'scan', 1, 'shop', 'main', 'a', 1, 'done', 0, 0),
            (3, 'rematch main/a@sha256:1 v', 'rematch', 1, 'shop', 'main', 'a', 1, 'done', 0, 0),
            (4, 'pin main/a:x shop e 1', 'pin', 0, 'shop', 'main', 'a', 1, 'done', 0, 0);
            INSERT INTO report VALUES ('r', 1, 1, 'shop', 0, 'failed', 0, '', 'v', '{\"images\": [{\"digest\": \"sha256:3\"}]}');
            INSERT INTO finding (report, platform, rule, severity, action, fingerprint, message) VALUES ('r', '', 'r', 1, 'fail', 'f', '')";
        older(&file, 5, rows).await;
        let store = Store::open(&file).await.expect("brought up to date");
        let read = async |query: &'static str| {
            let rows = sqlx::query_scalar::<_, String>(query).fetch_all(store.readers()).await;
            rows.expect("read").join(", ")
        };
        assert_eq!(
            read("SELECT key FROM job ORDER BY id").await,
            "scan shop main/a@sha256:1, scan shop main/a@sha256:1 again i, rematch shop main/a@sha256:1 v, pin main/a:x shop e 1"
        );
        assert_eq!(read("SELECT digest || ' ' || source FROM image ORDER BY id").await, "sha256:1 shop, sha256:2 shop");
        assert_eq!(read("SELECT name || image || source FROM tag").await, "x2shop");
        assert_eq!(read("SELECT name || image || source FROM tag_move ORDER BY id").await, "x1shop, x2shop");
        assert_eq!(read("SELECT image || '' FROM replaced").await, "1");
        assert_eq!(read("SELECT rule FROM finding").await, "r", "what refers to an image is still there");
        // another source has the same image, and a tag of its own; what goes takes its own with it, and nothing else
        let write = store.write(|connection| {
            Box::pin(async move {
                sqlx::raw_sql(
                    "INSERT INTO image VALUES (3, 'main', 'a', 'sha256:1', 'bakery', 1, 2, NULL, 1, 0); \
                     INSERT INTO tag VALUES ('main', 'a', 'x', 'bakery', 3, 7, 7, 7, 1); DELETE FROM image WHERE id = 1",
                )
                .execute(connection)
                .await
                .map_err(|e| of_sql("no", e))?;
                Ok(())
            })
        });
        write.await.expect("written");
        assert_eq!(read("SELECT count(*) || '' FROM report").await, "0");
        assert_eq!(read("SELECT key FROM job WHERE id = 1").await, "scan shop main/a@sha256:1 gone 1");
        assert_eq!(read("SELECT name || image || source FROM tag ORDER BY image").await, "x2shop, x3bakery");
        assert_eq!(read("SELECT name || image || source FROM tag_move ORDER BY id").await, "x2shop, x3bakery");
    }

    #[tokio::test]
    async fn what_an_older_store_knows_was_so_when_it_was_noted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("careen.db");
        let rows = "
            INSERT INTO image VALUES (1, 'main', 'a', 'sha256:1', 'shop', 1, 2, NULL);
            INSERT INTO tag VALUES ('main', 'a', 'x', 'shop', 1, 5);
            INSERT INTO event (source, sender_id, received, state, repository) VALUES ('shop', 'e', 4, 'deleted', 'a');
            INSERT INTO job (id, key, kind, lane, source, registry, repository, priority, state, created, not_before) VALUES
            (1, 'scan shop main/a@sha256:1', 'scan', 1, 'shop', 'main', 'a', 1, 'done', 0, 0);
            INSERT INTO report VALUES ('r', 1, 1, 'shop', 0, 'failed', 0, '', 'v', '{}');
            INSERT INTO delivery (id, action, report, state, attempts, created, not_before, ended, reason, target) VALUES
            (7, 'chat', 'r', 'dead', 3, 1, 2, 3, 'no', 't')";
        older(&file, 8, rows).await;
        let store = Store::open(&file).await.expect("brought up to date");
        let read = async |query: &'static str| {
            let rows = sqlx::query_scalar::<_, String>(query).fetch_all(store.readers()).await;
            rows.expect("read").join(", ")
        };
        assert_eq!(read("SELECT t.since || ' ' || i.since FROM tag t JOIN image i ON i.id = t.image").await, "5 1");
        assert_eq!(read("SELECT heard || ' ' || sure FROM tag").await, "5 0", "by which clock nobody knows");
        assert_eq!(read("SELECT name || moved FROM tag_move").await, "x5", "nothing moved");
        assert_eq!(read("SELECT sender_id || at FROM event").await, "e4");
        let delivery = "SELECT id || action || report || state || attempts || created || not_before || ended || reason \
                        || target || move FROM delivery";
        assert_eq!(read(delivery).await, "7chatrdead3123not0");
        assert_eq!(
            read("SELECT count(*) || '' FROM sqlite_schema WHERE tbl_name = 'delivery' AND name GLOB 'delivery_*'")
                .await,
            "5"
        );
        let write = store.write(|connection| {
            Box::pin(async move {
                let gone = sqlx::query("DELETE FROM report").execute(connection).await;
                Ok(gone.map_err(|e| of_sql("no", e))?.rows_affected())
            })
        });
        write.await.expect("written");
        assert_eq!(read("SELECT count(*) || '' FROM delivery").await, "0", "it goes with its report");
    }
}
