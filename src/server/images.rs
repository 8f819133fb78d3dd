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

/// Notes that an image is there, and that a tag points at it; one that was judged while no tag did may have to be judged
/// again.
pub(super) async fn see(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    repository: &str,
    digest: &Digest,
    tag: Option<&str>,
    now: Moment,
) -> Result<i64> {
    let seen = sqlx::query(
        "INSERT INTO image (registry, repository, digest, source, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
         ON CONFLICT (registry, repository, digest, source) DO UPDATE SET last_seen = max(last_seen, ?5), deleted = NULL \
         RETURNING id",
    );
    let row = seen
        .bind(registry)
        .bind(repository)
        .bind(digest.to_string())
        .bind(source)
        .bind(now.0)
        .fetch_one(&mut *connection)
        .await
        .map_err(cannot)?;
    let image: i64 = row.try_get(0).map_err(cannot)?;
    if let Some(tag) = tag {
        let moved = sqlx::query(
            "INSERT INTO tag (registry, repository, name, image, moved, source) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT (registry, repository, name, source) DO UPDATE SET image = excluded.image, moved = excluded.moved \
             WHERE image <> excluded.image",
        );
        let moved = moved.bind(registry).bind(repository).bind(tag).bind(image).bind(now.0).bind(source);
        if moved.execute(&mut *connection).await.map_err(cannot)?.rows_affected() > 0 {
            put_in_if_older(connection, image, now).await?;
        }
    }
    Ok(image)
}

/// Notes that a tag is gone, or an image. Some senders tell both of one tag that went: the image stays while another tag
/// is left, and so does a tag that is another image by now. An image that goes by its digest alone takes its tags along.
pub(super) async fn delete(
    connection: &mut SqliteConnection,
    source: &str,
    registry: &str,
    place: &Place,
    now: Moment,
) -> Result<()> {
    let digest = place.digest.as_ref().map(ToString::to_string);
    let gone = sqlx::query(
        "DELETE FROM tag WHERE registry = ?1 AND repository = ?2 AND source = ?5 AND (?3 IS NULL OR name = ?3) \
         AND (?4 IS NULL OR image IN (SELECT id FROM image WHERE registry = ?1 AND repository = ?2 AND digest = ?4))",
    );
    let gone = gone.bind(registry).bind(&place.repository).bind(&place.tag).bind(&digest).bind(source);
    if place.tag.is_some() || digest.is_some() {
        gone.execute(&mut *connection).await.map_err(cannot)?;
    }
    if let Some(digest) = digest {
        let gone = sqlx::query(
            "UPDATE image SET deleted = ? WHERE registry = ? AND repository = ? AND digest = ? AND source = ? \
             AND NOT EXISTS (SELECT 1 FROM tag WHERE image = image.id)",
        );
        let gone = gone.bind(now.0).bind(registry).bind(&place.repository).bind(digest).bind(source);
        gone.execute(&mut *connection).await.map_err(cannot)?;
    }
    Ok(())
}

fn cannot(error: sqlx::Error) -> Error {
    of_sql("cannot note which images there are", error)
}
