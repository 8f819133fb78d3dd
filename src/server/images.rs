//! Which images there are, and which of them the tags are, as sources tell and sweeps find. Each source has images and tags
//! of its own: what one tells neither shows to others, nor hides anything from them.

use sqlx::{Row as _, SqliteConnection};

use crate::digest::Digest;
use crate::error::{Error, Result};

use super::clock::Moment;
use super::event::Place;
use super::rematch::put_in_if_older;
use super::store::of_sql;

/// The key of a scan: an image is scanned once for each source that tells of it, however often it does.
pub(super) fn scan_key(source: &str, registry: &str, repository: &str, digest: &Digest) -> String {
    format!("scan {source} {registry}/{repository}@{digest}")
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
    /// Something newer says otherwise: it stays.
    Overtaken,
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
    let sight = Sight { source, registry, repository, digest, tag, at: now };
    Ok(note(connection, &sight, now).await?.image)
}

/// Notes that an image was there, and that a tag was it, unless something newer is known; one that was judged while no
/// tag was it may have to be judged again.
pub(super) async fn note(connection: &mut SqliteConnection, sight: &Sight<'_>, now: Moment) -> Result<Seen> {
    let gone = gone_since(connection, sight).await?;
    let seen = sqlx::query(
        "INSERT INTO image (registry, repository, digest, source, first_seen, last_seen, since, deleted) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7) \
         ON CONFLICT (registry, repository, digest, source) DO UPDATE SET last_seen = max(last_seen, ?5), \
         since = max(since, ?6), deleted = CASE WHEN deleted > ?6 THEN deleted \
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
        .fetch_one(&mut *connection)
        .await
        .map_err(cannot)?;
    let image: i64 = row.try_get(0).map_err(cannot)?;
    let deleted: Option<i64> = row.try_get(1).map_err(cannot)?;
    let Some(name) = sight.tag else { return Ok(Seen { image, tag: Tag::Stands }) };
    let was =
        sqlx::query("SELECT image, since FROM tag WHERE registry = ? AND repository = ? AND name = ? AND source = ?");
    let was = was.bind(sight.registry).bind(sight.repository).bind(name).bind(sight.source);
    let was = was.fetch_optional(&mut *connection).await.map_err(cannot)?;
    let was: Option<(i64, i64)> = match was {
        Some(row) => Some((row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?)),
        None => None,
    };
    let is_overtaken = deleted.is_some() || was.map_or(gone.tag, |(_, since)| since > sight.at.0);
    let tag = match was {
        Some((from, _)) if is_overtaken && from == image => Tag::Stands,
        _ if is_overtaken => Tag::Overtaken,
        Some((from, _)) if from != image => Tag::Moved { from },
        _ => Tag::Stands,
    };
    if is_overtaken {
        return Ok(Seen { image, tag });
    }
    let is_other = was.is_none_or(|(from, _)| from != image);
    let stands = sqlx::query(if is_other {
        "INSERT INTO tag (registry, repository, name, source, image, moved, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (registry, repository, name, source) DO UPDATE SET image = ?5, moved = ?6, since = ?7"
    } else {
        "UPDATE tag SET since = ?7 WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4"
    });
    let stands = stands.bind(sight.registry).bind(sight.repository).bind(name).bind(sight.source);
    stands.bind(image).bind(now.0).bind(sight.at.0).execute(&mut *connection).await.map_err(cannot)?;
    if is_other {
        put_in_if_older(connection, image, now).await?;
    }
    Ok(Seen { image, tag })
}

/// What is known to be gone since something was seen.
#[derive(Debug, Default)]
struct Gone {
    /// When the image went.
    image: Option<i64>,
    /// Whether the tag went: somebody said so, or a whole sweep did not find it.
    tag: bool,
}

async fn gone_since(connection: &mut SqliteConnection, sight: &Sight<'_>) -> Result<Gone> {
    // an image that went with a tag stays while it has another
    let told = sqlx::query(
        "SELECT max(CASE WHEN digest = ?4 AND (tag IS NULL OR tag = ?5) THEN at END), count(*) FROM event \
         WHERE state = 'deleted' AND source = ?1 AND repository = ?2 AND at > ?3 \
         AND ((digest = ?4 AND tag IS NULL) OR (tag = ?5 AND (digest IS NULL OR digest = ?4)))",
    );
    let told = told.bind(sight.source).bind(sight.repository).bind(sight.at.0);
    let row = told.bind(sight.digest.to_string()).bind(sight.tag).fetch_one(&mut *connection).await.map_err(cannot)?;
    let image: Option<i64> = row.try_get(0).map_err(cannot)?;
    let told: i64 = row.try_get(1).map_err(cannot)?;
    let swept = sqlx::query("SELECT 1 FROM swept WHERE source = ? AND registry = ? AND repository = ? AND began > ?");
    let swept = swept.bind(sight.source).bind(sight.registry).bind(sight.repository).bind(sight.at.0);
    let is_swept = swept.fetch_optional(connection).await.map_err(cannot)?.is_some();
    Ok(Gone { image, tag: told > 0 || is_swept })
}

/// Notes that a tag is gone, or an image, as of a time; what was seen since stays. Some senders tell both of one tag that
/// went: the image stays while another tag is left, and so does a tag that is another image by now. An image that goes by
/// its digest alone takes its tags along. Says whether the tag that was named stays.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    place: &Place,
    at: Moment,
) -> Result<bool> {
    let digest = place.digest.as_ref().map(ToString::to_string);
    if place.tag.is_some() || digest.is_some() {
        let gone = sqlx::query(if digest.is_some() {
            // found by the image: a repository may have a hundred thousand tags
            "DELETE FROM tag WHERE +registry = ?1 AND +repository = ?2 AND +source = ?5 AND since <= ?6 \
             AND (?3 IS NULL OR +name = ?3) AND image = \
             (SELECT id FROM image WHERE registry = ?1 AND repository = ?2 AND digest = ?4 AND source = ?5)"
        } else {
            "DELETE FROM tag WHERE registry = ?1 AND repository = ?2 AND source = ?5 AND since <= ?6 \
             AND name = ?3"
        });
        let gone = gone.bind(registry).bind(&place.repository).bind(&place.tag).bind(&digest).bind(source);
        gone.bind(at.0).execute(&mut *connection).await.map_err(cannot)?;
    }
    if let Some(digest) = &digest {
        let gone = sqlx::query(
            "UPDATE image SET deleted = max(coalesce(deleted, 0), ?1) WHERE registry = ?2 AND repository = ?3 \
             AND digest = ?4 AND source = ?5 AND since <= ?1 AND NOT EXISTS (SELECT 1 FROM tag WHERE image = image.id)",
        );
        let gone = gone.bind(at.0).bind(registry).bind(&place.repository).bind(digest).bind(source);
        gone.execute(&mut *connection).await.map_err(cannot)?;
    }
    let Some(name) = &place.tag else { return Ok(false) };
    let left = sqlx::query(
        "SELECT 1 FROM tag WHERE registry = ?1 AND repository = ?2 AND name = ?3 AND source = ?4 AND (?5 IS NULL OR \
         image IN (SELECT id FROM image WHERE registry = ?1 AND repository = ?2 AND digest = ?5 AND source = ?4))",
    );
    let left = left.bind(registry).bind(&place.repository).bind(name).bind(source).bind(&digest);
    Ok(left.fetch_optional(connection).await.map_err(cannot)?.is_some())
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

/// Notes that a registry does not have a tag; one that came since stays.
pub(super) async fn lose(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    tag: &str,
    at: Moment,
) -> Result<()> {
    let gone = sqlx::query(
        "DELETE FROM tag WHERE registry = ? AND repository = ? AND name = ? AND source = ? AND since <= ? AND moved <= ?",
    );
    let gone = gone.bind(registry).bind(repository).bind(tag).bind(source).bind(at.0).bind(at.0);
    gone.execute(connection).await.map_err(cannot)?;
    Ok(())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot note which images there are", error)
}
