//! Times that are to come: of a clock that was ahead and is set right. What came in later would count as older than them.

use super::Store;
use crate::error::Result;
use crate::server::clock::Moment;

use super::of_sql;

/// Brings every time later than now down to now, so that what comes from now on is newer; for the start. A time of a sender's
/// that is to come says no longer which of two was first. The number of rows.
pub(in crate::server) async fn bring_down(store: &Store, now: Moment) -> Result<u64> {
    store
        .write(move |connection| {
            Box::pin(async move {
                let mut count = 0;
                for statement in STATEMENTS {
                    let brought = sqlx::query(*statement).bind(now.0).execute(&mut *connection).await;
                    count += brought.map_err(|e| of_sql("cannot bring times down to now", e))?.rows_affected();
                }
                Ok(count)
            })
        })
        .await
}

const STATEMENTS: &[&str] = &[
    "UPDATE event SET sure = CASE WHEN at > ?1 THEN 0 ELSE sure END, at = min(at, ?1), received = min(received, ?1) \
     WHERE received > ?1 OR at > ?1",
    "UPDATE job SET created = min(created, ?1), ended = min(ended, ?1) WHERE created > ?1 OR ended > ?1",
    "UPDATE image SET first_seen = min(first_seen, ?1), last_seen = min(last_seen, ?1), since = min(since, ?1), \
     told = min(told, ?1), deleted = min(deleted, ?1) \
     WHERE max(first_seen, last_seen, since, told, coalesce(deleted, 0)) > ?1",
    "UPDATE tag SET sure = CASE WHEN since > ?1 THEN 0 ELSE sure END, moved = min(moved, ?1), since = min(since, ?1), \
     heard = min(heard, ?1) WHERE max(moved, since, heard) > ?1",
    "UPDATE tag_gone SET sure = CASE WHEN since > ?1 THEN 0 ELSE sure END, since = min(since, ?1), \
     heard = min(heard, ?1) WHERE max(since, heard) > ?1",
    "UPDATE tag_move SET moved = ?1 WHERE moved > ?1",
    "UPDATE swept SET began = ?1 WHERE began > ?1",
    "UPDATE report SET made = ?1 WHERE made > ?1",
    "UPDATE delivery SET created = min(created, ?1), ended = min(ended, ?1) WHERE created > ?1 OR ended > ?1",
    "UPDATE harbor_scan SET created = ?1 WHERE created > ?1",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::testing::Bench;

    #[tokio::test]
    async fn what_a_clock_noted_that_was_ahead_is_no_later_than_now() {
        let bench = Bench::new().await;
        let image = bench.image("shop", "shop/api", "1.0").await;
        bench.report(image, "shop", "passed", &json!({})).await;
        let (store, now) = (&bench.server.store, bench.server.clock.now());
        let ahead = "
            INSERT INTO event (source, sender_id, received, at, sure, state) VALUES
            ('shop', 'a', 1, 1, 1, 'taken'), ('shop', 'b', {then}, 1, 1, 'taken'), ('shop', 'c', {then}, {then}, 1, 'deleted');
            UPDATE job SET created = {then}, ended = {then};
            UPDATE image SET first_seen = {then}, last_seen = {then}, since = {then}, told = {then}, deleted = {then};
            UPDATE tag SET moved = {then}, since = {then}, heard = {then}, sure = 1;
            INSERT INTO tag_gone VALUES ('main', 'a', 'x', 'shop', 1, {then}, 1), ('main', 'a', 'y', 'shop', {then}, {then}, 1);
            UPDATE tag_move SET moved = {then};
            INSERT INTO swept VALUES ('shop', 'main', 'a', {then});
            UPDATE report SET made = {then};
            INSERT INTO delivery (action, report, state, created, not_before, ended)
            SELECT 'chat', id, 'done', {then}, 0, {then} FROM report;
            INSERT INTO harbor_scan SELECT 'h', 'i', id, {then} FROM job";
        let ahead = ahead.replace("{then}", &(now.0 + 3_600_000).to_string());
        let written = store.write(move |connection| {
            Box::pin(async move {
                let written = sqlx::raw_sql(sqlx::AssertSqlSafe(ahead)).execute(connection).await;
                written.map_err(|e| of_sql("no", e)).map(drop)
            })
        });
        written.await.expect("written");
        assert_eq!(bring_down(store, now).await.expect("brought down"), 12);
        assert_eq!(bring_down(store, now).await.expect("nothing left"), 0);
        let sure = "SELECT group_concat(sure, '') FROM (SELECT sure FROM event ORDER BY id) \
                    UNION ALL SELECT group_concat(sure, '') FROM (SELECT sure FROM tag_gone ORDER BY name) \
                    UNION ALL SELECT sure || '' FROM tag";
        let sure = sqlx::query_scalar::<_, String>(sure).fetch_all(store.readers()).await.expect("read");
        assert_eq!(sure, ["110", "10", "0"], "a time of a sender's that is kept counts as before");
        // all columns of times, so that one that is added is not forgotten
        let columns = "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c \
                       WHERE m.type = 'table' AND c.name IN ('received', 'at', 'created', 'ended', 'first_seen', \
                       'last_seen', 'since', 'told', 'deleted', 'moved', 'heard', 'began', 'made') \
                       AND m.name NOT IN ('audit', 'token', 'session')";
        let columns = sqlx::query_scalar::<_, String>(columns).fetch_all(store.readers()).await.expect("read");
        assert!(columns.len() >= 20, "{columns:?}");
        for column in columns {
            let (table, name) = column.split_once('.').expect("both");
            let latest = sqlx::AssertSqlSafe(format!("SELECT max({name}) FROM {table}"));
            let latest = sqlx::query_scalar::<_, Option<i64>>(latest).fetch_one(store.readers()).await.expect("read");
            assert!(latest.is_some_and(|latest| latest <= now.0), "{column} {latest:?}");
        }
    }
}
