//! Webhooks as they come in.

use axum::http::StatusCode;

use super::testing::{Case, DIGEST, SECRET, push};

#[tokio::test]
async fn who_proves_nothing_leaves_nothing_behind() {
    let case = Case::new(100).await;
    let body = push("1", DIGEST, "");
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("/hooks/shop", &[]),
        ("/hooks/shop", &[("authorization", "")]),
        ("/hooks/shop", &[("authorization", "word-of-the-shoq")]),
        ("/hooks/shop", &[("authorization", "word-of-the-hub-which-is-long")]),
        ("/hooks/shop", &[("authorization", SECRET), ("authorization", SECRET)]),
        ("/hooks/shop/word-of-the-shop", &[("authorization", SECRET)]),
        ("/hooks/hub", &[]),
        ("/hooks/hub/word-of-the-shop", &[]),
    ];
    for (path, headers) in cases {
        assert_eq!(case.post(path, headers, body.clone()).await, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
    }
    assert_eq!(case.post("/hooks/none", &[], body.clone()).await, StatusCode::NOT_FOUND);
    assert_eq!(case.count("SELECT count(*) FROM event").await, 0);
    assert_eq!(case.count("SELECT count(*) FROM job").await, 0);
}

#[tokio::test]
async fn of_who_proves_nothing_no_body_is_read() {
    let case = Case::new(10).await;
    let bodies = &case.server.bodies;
    let free = bodies.available_permits();
    let all = bodies.try_acquire_many(u32::try_from(free).expect("few")).expect("room");
    let body = push("1", DIGEST, "");
    assert_eq!(case.post("/hooks/shop", &[], body.clone()).await, StatusCode::UNAUTHORIZED, "told without it");
    assert_eq!(case.send(&body).await, StatusCode::SERVICE_UNAVAILABLE, "there is no room for another body");
    drop(all);
    assert_eq!(case.send(&body).await, StatusCode::ACCEPTED);
    assert_eq!(bodies.available_permits(), free, "what was read is given back");
}

#[tokio::test]
async fn bodies_are_bounded_and_not_unpacked() {
    let case = Case::new(100).await;
    let proof = ("authorization", SECRET);
    let packed = case.post("/hooks/shop", &[proof, ("content-encoding", "gzip")], "x").await;
    assert_eq!(packed, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = vec![b' '; (1 << 20) + 1];
    let nobody = case.post("/hooks/shop", &[("authorization", "wrong-word")], large).await;
    assert_eq!(nobody, StatusCode::UNAUTHORIZED, "who is nobody is not read");
    assert_eq!(case.count("SELECT count(*) FROM event").await, 0);
}

#[tokio::test]
async fn a_full_queue_says_so_and_keeps_nothing_of_the_webhook() {
    let case = Case::new(2).await;
    let digest = |n: u32| format!("sha256:{n:064x}");
    for n in 0..2 {
        assert_eq!(case.send(&push(&n.to_string(), &digest(n), "")).await, StatusCode::ACCEPTED);
    }
    assert_eq!(case.send(&push("2", &digest(2), "")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(case.count("SELECT count(*) FROM event").await, 2, "it comes again");
    assert_eq!(case.send(&push("3", &digest(1), "")).await, StatusCode::ACCEPTED, "that one is known");
    case.server.end();
    assert_eq!(case.send(&push("4", &digest(1), "")).await, StatusCode::SERVICE_UNAVAILABLE);
}
