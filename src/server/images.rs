//! Which images there are, and which of them the tags are, as sources tell and sweeps find. Each source has images and tags
//! of its own: what one tells neither shows to others, nor hides anything from them.

use std::time::Duration;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Row as _, Sqlite, SqliteConnection};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};

use super::clock::Moment;
use super::event::Place;
use super::queue::NewJob;
use super::rematch::put_in_if_older;
use super::store::of_sql;

/// How far the clocks of careen and of a sender may lie apart before a tag is taken for one that came after a sweep.
const SKEW: Duration = Duration::from_mins(5);

/// Tags of one image that are asked for at once when it may have gone; each answer asks for another one.
const MOST_ASKED: i64 = 32;

/// The number of no image.
const NOT_KNOWN: i64 = -1;

/// The key of a scan: an image is scanned once for each source that tells of it, however often it does.
pub(super) fn scan_key(source: &str, registry: &str, repository: &str, digest: &Digest) -> String {
    format!("scan {source} {registry}/{repository}@{digest}")
}

/// How somebody knows, and so by which clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A sender says so, by its own clock: what one sender tells is in order.
    Told,
    /// A sender says so, but not when, or says a time that is to come: all that is known is that it came in.
    Undated,
    /// The registry itself, which was asked for it then by careen's clock.
    Asked,
    /// Whoever gives it to be scanned; nothing is asked for.
    Given,
}

impl Word {
    /// That of an event.
    pub(super) fn of_event(is_dated: bool) -> Self {
        if is_dated { Self::Told } else { Self::Undated }
    }

    /// Whether two times of it tell which came first.
    fn is_sure(self) -> bool {
        matches!(self, Self::Told | Self::Given)
    }
}

/// What somebody saw: that a digest is there, and which tag it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight<'a> {
    /// Who tells of it.
    pub source: &'a str,
    /// Of which registry.
    pub registry: &'a str,
    /// The repository.
    pub repository: &'a str,
    /// The manifest.
    pub digest: &'a Digest,
    /// The tag.
    pub tag: Option<&'a str>,
    /// When it was so.
    pub at: Moment,
    /// By whose word.
    pub word: Word,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// The image.
    pub image: i64,
    /// What became of its tag.
    pub tag: Tag,
}

/// What became of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tag {
    /// None was told of, or it is this image as it was, or for the first time.
    Stands,
    /// It was this image until now.
    Moved {
        /// The image that it was.
        from: i64,
    },
    /// It is not settled which is newer, this or what is known: it stays, and the registry is to be asked.
    Doubted {
        /// Whether this is no older, as far as times tell.
        is_newer: bool,
    },
}

/// Notes that an image is there now, and that a tag is it.
pub(super) async fn see(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    digest: &Digest,
    tag: Option<&str>,
    now: Moment,
) -> Result<i64> {
    let sight = Sight { source, registry, repository, digest, tag, at: now, word: Word::Given };
    Ok(note(connection, &sight, now).await?.image)
}

/// Notes that an image was there, and that a tag was it, unless something newer is known, or may be; one that was judged
/// while no tag was it may have to be judged again.
pub(super) async fn note(connection: &mut SqliteConnection, sight: &Sight<'_>, now: Moment) -> Result<Seen> {
    let gone = gone_since(connection, sight, now).await?;
    let seen = sqlx::query(
        "INSERT INTO image (registry, repository, digest, source, first_seen, last_seen, since, deleted, told) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8) \
         ON CONFLICT (registry, repository, digest, source) DO UPDATE SET last_seen = max(last_seen, ?5), \
         since = max(since, ?6), told = max(told, ?8), deleted = CASE WHEN deleted > ?6 AND deleted <= ?5 THEN deleted \
         WHEN since >= ?7 OR EXISTS (SELECT 1 FROM tag WHERE tag.image = image.id) THEN NULL ELSE ?7 END RETURNING id, deleted",
    );
    let row = seen
        .bind(sight.registry)
        .bind(sight.repository)
        .bind(sight.digest.to_string())
        .bind(sight.source)
        .bind(now.0)
        .bind(sight.at.0)
        .bind(gone.image)
        .bind(if sight.word == Word::Told { sight.at.0 } else { 0 })
        .fetch_one(&mut *connection)
        .await
        .map_err(cannot)?;
    let image: i64 = row.try_get(0).map_err(cannot)?;
    let deleted: Option<i64> = row.try_get(1).map_err(cannot)?;
    let Some(name) = sight.tag else { return Ok(Seen { image, tag: Tag::Stands }) };
    let known = known(connection, sight, name).await?;
    let from = known.as_ref().and_then(|known| known.image);
    if from == Some(image) {
        let same = sqlx::query(
            "UPDATE tag SET sure = CASE WHEN since < ?5 THEN min(sure, ?7) ELSE sure END, since = max(since, ?5), \
             heard = max(heard, ?6) WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4",
        );
        let same = same.bind(sight.registry).bind(sight.repository).bind(name).bind(sight.source).bind(sight.at.0);
        same.bind(now.0).bind(sight.word.is_sure()).execute(&mut *connection).await.map_err(cannot)?;
        return Ok(Seen { image, tag: Tag::Stands });
    }
    let is_doubted = deleted.is_some()
        || gone.is_tag_doubted
        || (from.is_none() && gone.is_swept)
        || known.as_ref().is_some_and(|known| !known.is_before(sight));
    if is_doubted {
        if from.is_none() && matches!(sight.word, Word::Told | Word::Undated) {
            keep_doubted(connection, sight, name, now).await?;
        }
        let is_newer = deleted.is_none() && known.is_none_or(|known| !known.is_sure || known.since <= sight.at.0);
        return Ok(Seen { image, tag: Tag::Doubted { is_newer } });
    }
    let stands = sqlx::query(
        "INSERT INTO tag (registry, repository, name, source, image, moved, since, heard, sure) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8) ON CONFLICT (registry, repository, name, source) \
         DO UPDATE SET image = ?5, moved = ?6, since = ?7, heard = ?6, sure = ?8",
    );
    let stands = stands.bind(sight.registry).bind(sight.repository).bind(name).bind(sight.source);
    let stands = stands.bind(image).bind(now.0).bind(sight.at.0).bind(sight.word.is_sure());
    stands.execute(&mut *connection).await.map_err(cannot)?;
    put_in_if_older(connection, image, now).await?;
    if let (Word::Asked, Some(from)) = (sight.word, from) {
        settle(connection, &[from]).await?;
    }
    Ok(Seen { image, tag: from.map_or(Tag::Stands, |from| Tag::Moved { from }) })
}

/// What is known of a tag.
#[derive(Debug)]
struct Known {
    /// The image that it is; nothing where it went, or was never noted.
    image: Option<i64>,
    /// When that was so.
    since: i64,
    /// When careen heard of it last, by its own clock.
    heard: i64,
    /// Whether `since` is a time of its sender's; else no time of a sender's is to be measured against it.
    is_sure: bool,
}

impl Known {
    /// Whether it is settled that something was seen later.
    fn is_before(&self, sight: &Sight<'_>) -> bool {
        match sight.word {
            Word::Told => self.is_sure && self.since < sight.at.0,
            Word::Undated => false,
            Word::Asked => self.heard < sight.at.0,
            Word::Given => self.since <= sight.at.0,
        }
    }
}

async fn known(connection: &mut SqliteConnection, sight: &Sight<'_>, name: &str) -> Result<Option<Known>> {
    let known = sqlx::query(
        "SELECT image, since, heard, sure FROM tag WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4 \
         UNION ALL SELECT NULL, since, heard, sure FROM tag_gone \
         WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4 LIMIT 1",
    );
    let known = known.bind(sight.registry).bind(sight.repository).bind(name).bind(sight.source);
    let Some(row) = known.fetch_optional(connection).await.map_err(cannot)? else { return Ok(None) };
    Ok(Some(Known {
        image: row.try_get(0).map_err(cannot)?,
        since: row.try_get(1).map_err(cannot)?,
        heard: row.try_get(2).map_err(cannot)?,
        is_sure: row.try_get(3).map_err(cannot)?,
    }))
}

/// Keeps when something was told of a tag that is not noted, so that what is older does not pass for the first word of it.
async fn keep_doubted(connection: &mut SqliteConnection, sight: &Sight<'_>, name: &str, now: Moment) -> Result<()> {
    let kept = sqlx::query(
        "INSERT INTO tag_gone (registry, repository, name, source, since, heard, sure) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (registry, repository, name, source) DO UPDATE SET since = max(since, ?5), heard = ?6, \
         sure = min(sure, ?7)",
    );
    let kept = kept.bind(sight.registry).bind(sight.repository).bind(name).bind(sight.source);
    let kept = kept.bind(sight.at.0).bind(now.0).bind(sight.word.is_sure());
    kept.execute(connection).await.map_err(cannot)?;
    Ok(())
}

/// What is known to be gone since something was seen.
#[derive(Debug, Default)]
struct Gone {
    /// When the image went.
    image: Option<i64>,
    /// Whether somebody said that the tag went, maybe since.
    is_tag_doubted: bool,
    /// Whether a whole sweep was made since: a tag that is not noted was not there.
    is_swept: bool,
}

/// What was told of as deleted.
#[derive(Debug)]
struct Told {
    at: Option<i64>,
    received: Option<i64>,
    is_sure: Option<bool>,
}

impl Told {
    /// Whether it may have been after something was seen.
    fn may_be_after(&self, sight: &Sight<'_>, now: Moment) -> bool {
        let (Some(at), Some(received)) = (self.at, self.received) else { return false };
        match sight.word {
            Word::Told => self.is_sure != Some(true) || at >= sight.at.0,
            Word::Undated => true,
            Word::Asked => (sight.at.0..=now.0).contains(&received),
            Word::Given => at > sight.at.0,
        }
    }
}

async fn gone_since(connection: &mut SqliteConnection, sight: &Sight<'_>, now: Moment) -> Result<Gone> {
    // an image that went with a tag stays while it has another
    let image = sqlx::query(
        "SELECT max(at), max(received), min(sure) FROM event WHERE state = 'deleted' AND source = ?1 AND repository = ?2 \
         AND digest = ?3 AND (tag IS NULL OR tag = ?4)",
    );
    let image = image.bind(sight.source).bind(sight.repository).bind(sight.digest.to_string()).bind(sight.tag);
    let image = told(connection, image).await?;
    let went = if sight.word == Word::Asked {
        // it may be there by a word that is older than that of its end, whatever clocks say
        image.received.filter(|received| (sight.at.0..=now.0).contains(received))
    } else {
        image.at.filter(|at| *at > sight.at.0)
    };
    let mut is_tag_doubted = image.may_be_after(sight, now);
    if let Some(name) = sight.tag {
        let tag = sqlx::query(
            "SELECT max(at), max(received), min(sure) FROM event WHERE state = 'deleted' AND source = ?1 \
             AND repository = ?2 AND tag = ?3",
        );
        is_tag_doubted |=
            told(connection, tag.bind(sight.source).bind(sight.repository).bind(name)).await?.may_be_after(sight, now);
    }
    // the clock of a sweep is another one than a sender's
    let until = match sight.word {
        Word::Told | Word::Undated => sight.at.minus(SKEW),
        Word::Asked | Word::Given => sight.at,
    };
    let swept = sqlx::query(
        "SELECT 1 FROM swept WHERE source = ? AND registry = ? AND repository = ? AND began > ? AND began <= ?",
    );
    let swept = swept.bind(sight.source).bind(sight.registry).bind(sight.repository).bind(until.0).bind(now.0);
    let is_swept = swept.fetch_optional(connection).await.map_err(cannot)?.is_some();
    Ok(Gone { image: went, is_tag_doubted, is_swept })
}

async fn told(connection: &mut SqliteConnection, query: Query<'_, Sqlite, SqliteArguments>) -> Result<Told> {
    let row = query.fetch_one(connection).await.map_err(cannot)?;
    let (at, received) = (row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?);
    Ok(Told { at, received, is_sure: row.try_get(2).map_err(cannot)? })
}

/// Notes that a tag is gone, or an image, as of a time, which is the sender's own if `is_dated`; what was seen since stays.
/// Some senders tell both of one tag that went: the image stays while another tag is left, and so does a tag that is another
/// image by now. An image that goes by its digest alone takes its tags along. Gives the tags of which it is not settled
/// whether they went: they stay, and the registry is to be asked.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    place: &Place,
    (at, is_dated): (Moment, bool),
) -> Result<Vec<String>> {
    let image = match &place.digest {
        None => None,
        Some(digest) => {
            let known = sqlx::query_scalar::<_, i64>(
                "SELECT id FROM image WHERE registry = ? AND repository = ? AND digest = ? AND source = ?",
            );
            let known = known.bind(registry).bind(&place.repository).bind(digest.to_string()).bind(source);
            // on distribution it may have been a layer
            let known = known.fetch_optional(&mut *connection).await.map_err(cannot)?;
            if known.is_none() && place.tag.is_none() {
                return Ok(Vec::new());
            }
            Some(known.unwrap_or(NOT_KNOWN))
        }
    };
    let (which, left) = if place.tag.is_some() {
        (
            "DELETE FROM tag WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4 \
             AND (?5 IS NULL OR image = ?5) AND since < ?6 AND sure AND ?7",
            // one that is another image by now may have been this one in between, unless it is so since
            "SELECT name FROM tag WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4 \
             AND (?5 IS NULL OR image = ?5 OR NOT (sure AND ?8 AND since > ?7)) LIMIT ?6",
        )
    } else {
        (
            "DELETE FROM tag WHERE image = ?5 AND since < ?6 AND sure AND ?7",
            "SELECT name FROM tag WHERE image = ?5 ORDER BY name LIMIT ?6",
        )
    };
    let gone = sqlx::query(which).bind(registry).bind(&place.repository).bind(&place.tag).bind(source).bind(image);
    gone.bind(at.0).bind(is_dated).execute(&mut *connection).await.map_err(cannot)?;
    let left = sqlx::query_scalar::<_, String>(left).bind(registry).bind(&place.repository).bind(&place.tag);
    let left = left
        .bind(source)
        .bind(image)
        .bind(MOST_ASKED)
        .bind(at.0)
        .bind(is_dated)
        .fetch_all(&mut *connection)
        .await
        .map_err(cannot)?;
    if let Some(image) = image {
        // one of which it is not known whether it was pushed since is not taken from those that are to be scanned
        let gone = sqlx::query(
            // where no sender said when it was pushed there is nothing to measure its time against
            "UPDATE image SET deleted = max(coalesce(deleted, 0), ?1) WHERE id = ?2 AND (since < ?1 OR told = 0) \
             AND NOT EXISTS (SELECT 1 FROM tag WHERE image = image.id) \
             AND (?3 AND since < ?1 OR EXISTS (SELECT 1 FROM report WHERE report.image = image.id))",
        );
        gone.bind(at.0).bind(image).bind(is_dated).execute(&mut *connection).await.map_err(cannot)?;
    }
    Ok(left)
}

/// Tags of which it is not settled what they are, after something was told again in the same words, as a sender does of two
/// events of one second that are otherwise the same; `at` is its sender's time, where that is known and past.
pub(super) async fn unsettled(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    place: &Place,
    (at, is_push): (Option<Moment>, bool),
) -> Result<Vec<String>> {
    // a tag that is something else by now, of which that was told by the same clock as of a later time, is settled
    let unsettled = sqlx::query_scalar::<_, String>(
        "SELECT t.name FROM tag t JOIN image i ON i.id = t.image WHERE t.registry = ?1 AND t.repository = ?2 AND t.source = ?3 \
         AND (?4 IS NULL OR t.name = ?4) AND (t.since <= ?6 OR NOT t.sure) AND (?5 IS NULL OR ?7 <> (i.digest IS ?5)) \
         UNION ALL SELECT name FROM tag_gone WHERE registry = ?1 AND repository = ?2 AND source = ?3 AND name = ?4 \
         AND (since <= ?6 OR NOT sure) AND ?7 LIMIT ?8",
    );
    let unsettled = unsettled.bind(registry).bind(&place.repository).bind(source).bind(&place.tag);
    let unsettled = unsettled.bind(place.digest.as_ref().map(ToString::to_string));
    let unsettled = unsettled.bind(at.map_or(i64::MAX, |at| at.0)).bind(is_push);
    unsettled.bind(MOST_ASKED).fetch_all(connection).await.map_err(cannot)
}

/// The image that a tag is.
pub(super) async fn image_of_tag(connection: &mut SqliteConnection, job: &NewJob) -> Result<Option<i64>> {
    let image = sqlx::query_scalar::<_, i64>(
        "SELECT image FROM tag WHERE registry = ? AND repository = ? AND name = ? AND source = ?",
    );
    let image = image.bind(&job.registry).bind(&job.repository).bind(&job.tag).bind(&job.source);
    image.fetch_optional(connection).await.map_err(cannot)
}

/// The next tag of an image that was told of as deleted, of which nothing was heard since and for which nobody asks: of those
/// in doubt only some are asked for at once.
pub(super) async fn next_in_doubt(connection: &mut SqliteConnection, image: i64) -> Result<Option<String>> {
    let next = sqlx::query_scalar::<_, String>(
        "SELECT t.name FROM tag t JOIN image i ON i.id = t.image WHERE t.image = ? AND t.heard <= (SELECT max(e.received) \
         FROM event e WHERE e.state = 'deleted' AND e.source = i.source AND e.repository = i.repository \
         AND e.digest = i.digest AND e.tag IS NULL) AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = 'pin' \
         AND j.state IN ('queued', 'leased') AND j.repository = t.repository AND j.tag = t.name AND j.source = t.source \
         AND j.registry = t.registry) ORDER BY t.name LIMIT 1",
    );
    next.bind(image).fetch_optional(connection).await.map_err(cannot)
}

/// Whether a source has a tag.
pub(super) async fn has_tag(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    tag: &str,
) -> Result<bool> {
    let known = sqlx::query_scalar::<_, i64>(
        "SELECT 1 FROM tag WHERE registry = ? AND repository = ? AND name = ? AND source = ?",
    );
    let known = known.bind(registry).bind(repository).bind(tag).bind(source);
    Ok(known.fetch_optional(connection).await.map_err(cannot)?.is_some())
}

/// Notes that a sweep saw all tags of a repository: of one that it did not see, what was told of before is over.
pub(super) async fn sweep(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    began: Moment,
) -> Result<()> {
    let swept = sqlx::query(
        "INSERT INTO swept (source, registry, repository, began) VALUES (?, ?, ?, ?) \
         ON CONFLICT (source, registry, repository) DO UPDATE SET began = max(began, excluded.began)",
    );
    let swept = swept.bind(source).bind(registry).bind(repository).bind(began.0);
    swept.execute(connection).await.map_err(cannot)?;
    Ok(())
}

/// Notes that a registry does not have these tags, as of when it was asked; those of which something was heard since stay.
/// An image that was told of as deleted, and stood only for such a tag, goes. The number of tags that went.
pub(super) async fn lose(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    tags: &[String],
    at: Moment,
    now: Moment,
) -> Result<u64> {
    let names = serde_json::to_string(tags).map_err(|_| Error::new(ErrorKind::Internal, "tags make no text"))?;
    let gone = sqlx::query_scalar::<_, i64>(
        "DELETE FROM tag WHERE registry = ? AND repository = ? AND source = ? AND heard < ? \
         AND name IN (SELECT value FROM json_each(?)) RETURNING image",
    );
    let gone = gone.bind(registry).bind(repository).bind(source).bind(at.0).bind(&names);
    let images = gone.fetch_all(&mut *connection).await.map_err(cannot)?;
    // a question that is under way is older than this one's answer, which no time of a sender's is to be measured against
    let heard = sqlx::query(
        "UPDATE tag_gone SET heard = ?, sure = 0 WHERE registry = ? AND repository = ? AND source = ? \
         AND name IN (SELECT value FROM json_each(?))",
    );
    let heard = heard.bind(now.0).bind(registry).bind(repository).bind(source).bind(&names);
    heard.execute(&mut *connection).await.map_err(cannot)?;
    let count = images.len() as u64;
    // those that were pushed as one of these tags, which they never were
    let pushed = sqlx::query_scalar::<_, i64>(
        "SELECT DISTINCT i.id FROM event e JOIN image i ON i.registry = ?1 AND i.repository = e.repository \
         AND i.digest = e.digest AND i.source = e.source WHERE e.state = 'deleted' AND e.digest IS NOT NULL \
         AND e.source = ?2 AND e.repository = ?3 AND i.deleted IS NULL \
         AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.image = i.id) \
         AND EXISTS (SELECT 1 FROM event p WHERE p.state = 'taken' AND p.source = e.source AND p.repository = e.repository \
         AND p.digest = e.digest AND p.tag IN (SELECT value FROM json_each(?4)))",
    );
    let pushed = pushed.bind(registry).bind(source).bind(repository).bind(&names);
    let pushed = pushed.fetch_all(&mut *connection).await.map_err(cannot)?;
    settle(connection, &[images, pushed].concat()).await?;
    Ok(count)
}

/// Notes of images that no tag is any more that they are gone, where that was told before the registry said so; not where
/// their sender says by its own clock that they were pushed since.
async fn settle(connection: &mut SqliteConnection, images: &[i64]) -> Result<()> {
    let images = serde_json::to_string(images).map_err(|_| Error::new(ErrorKind::Internal, "images make no text"))?;
    let settled = sqlx::query(
        "UPDATE image SET deleted = (SELECT max(e.at) FROM event e WHERE e.state = 'deleted' AND e.source = image.source \
         AND e.repository = image.repository AND e.digest = image.digest AND (e.at >= image.since \
         OR e.received >= image.last_seen AND NOT (e.sure AND e.at < image.told))) \
         WHERE id IN (SELECT value FROM json_each(?)) AND deleted IS NULL \
         AND NOT EXISTS (SELECT 1 FROM tag WHERE tag.image = image.id)",
    );
    settled.bind(images).execute(connection).await.map_err(cannot)?;
    Ok(())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot note which images there are", error)
}
