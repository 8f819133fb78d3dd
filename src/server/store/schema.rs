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
];

/// Brings the tables up to date, all steps or none.
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
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(cannot)?;
    for step in STEPS.get(done..).unwrap_or_default() {
        sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(cannot)?;
    }
    let stamp = format!("PRAGMA user_version = {}; COMMIT", STEPS.len());
    sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *connection).await.map_err(cannot)?;
    Ok(())
}
