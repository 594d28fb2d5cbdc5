//! The S3 store against the conformance suite on a real gateway, and buckets that must be refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hindsight_engines::secret::Secret;
use hindsight_engines::segments::{
    Access, ObjectSegments, Prefix, Put, S3Options, SegmentPath, SegmentStore, StoreError, conformance,
    open_s3,
};

use crate::servers::{self, Exports};
use crate::tls;

/// A prefix of the bucket, which is as good as an empty bucket.
fn options(server: &Exports, prefix: &str) -> S3Options {
    S3Options {
        endpoint: server["S3_ENDPOINT"].clone(),
        access_key: server["S3_KEY"].clone(),
        secret_key: Secret::new(&server["S3_SECRET"]),
        prefix: prefix.into(),
        retry_seconds: 2,
        retries: 2,
        ..S3Options::default()
    }
}

async fn open(prefix: &str) -> ObjectSegments {
    open_s3(&options(servers::s3(), prefix), Access::ReadWrite)
        .await
        .unwrap()
}

fn path(first: u64) -> SegmentPath {
    SegmentPath::Flush {
        view: 1,
        partition: 0,
        first,
        last: first + 9,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    conformance::all(Arc::new(open("conformance").await)).await;
}

/// Larger than a part: uploaded under a scratch name, then copied to its own.
#[tokio::test(flavor = "multi_thread")]
async fn of_large_puts_that_race_one_creates() {
    const PIECE: usize = 6 << 20;
    const PIECES: u8 = 6;
    let store = open("large").await;
    let racers = (1..=3u8).map(|racer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut pending = store.create(&path(0)).await.unwrap();
            for piece in 0..PIECES {
                let bytes = vec![racer * 16 + piece; PIECE];
                pending.write(bytes.into()).await.unwrap();
            }
            (racer, pending.finish().await.unwrap())
        })
    });
    let mut winners = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        let (racer, put) = racer.await.unwrap();
        if put == Put::Created {
            winners.push(racer);
        }
    }
    let [winner] = winners[..] else {
        panic!("one of three must create: {winners:?}")
    };
    let stored = store.get(&path(0)).await.unwrap();
    assert_eq!(stored.len(), PIECE * usize::from(PIECES));
    for piece in 0..PIECES {
        let at = usize::from(piece) * PIECE;
        assert!(
            stored[at..at + PIECE]
                .iter()
                .all(|byte| *byte == winner * 16 + piece)
        );
    }
    let tail = store.get_tail(&path(0), 3).await.unwrap();
    assert_eq!(
        (&tail.bytes[..], tail.object_bytes),
        (&[winner * 16 + PIECES - 1; 3][..], stored.len() as u64)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_ends_at_its_limit_and_an_empty_object_has_a_tail() {
    let store = open("lists").await;
    for first in (0..50).step_by(10) {
        store.put_create(&path(first), "x".into()).await.unwrap();
    }
    let page = store
        .list(&Prefix::Flushes { view: 1 }, Some(&path(10)), 2)
        .await
        .unwrap();
    let names: Vec<_> = page.into_iter().map(|listed| listed.path).collect();
    assert_eq!(names, [path(20), path(30)]);
    store.put_create(&path(90), Vec::new().into()).await.unwrap();
    let tail = store.get_tail(&path(90), 10).await.unwrap();
    assert_eq!((tail.bytes.len(), tail.object_bytes), (0, 0));
}

async fn refused(options: S3Options, access: Access) -> StoreError {
    open_s3(&options, access).await.expect_err("this can't be opened")
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let options = S3Options {
        bucket: "nobody-made-this".into(),
        ..options(servers::s3(), "")
    };
    let error = refused(options, Access::Read).await;
    assert!(matches!(error, StoreError::NoBucket), "{error}");
}

/// An object that is not there means something; in a bucket that is not there it means nothing.
#[tokio::test]
async fn a_bucket_that_goes_is_no_missing_object() {
    let fake = fake_store(true).await;
    let store = open_s3(&fake_options(&fake.0), Access::ReadWrite).await.unwrap();
    assert!(matches!(store.get(&path(0)).await, Err(StoreError::NotFound(_))));
    fake.1.lock().unwrap().bucket_is_gone = true;
    let error = store.get(&path(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::NoBucket), "{error}");
}

#[tokio::test]
async fn a_wrong_secret_is_refused_with_what_to_check() {
    let options = S3Options {
        secret_key: Secret::new("not-the-secret"),
        ..options(servers::s3(), "")
    };
    let error = refused(options, Access::Read).await;
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    let words = error.to_string();
    assert!(
        words.contains("SignatureDoesNotMatch") && words.contains("segments.secret_key"),
        "{words}"
    );
    assert!(!words.contains("not-the-secret"), "{words}");
}

#[tokio::test]
async fn a_read_only_bucket_is_fit_for_readers_only() {
    let read_only = options(servers::read_only_s3(), "");
    assert!(open_s3(&read_only, Access::Read).await.is_ok());
    let error = refused(read_only, Access::ReadWrite).await;
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn a_bucket_without_conditional_puts_is_refused() {
    let fake = fake_store(false).await;
    let error = refused(fake_options(&fake.0), Access::ReadWrite).await;
    assert!(matches!(error, StoreError::Unfit { .. }), "{error}");
    assert!(error.to_string().contains("If-None-Match"), "{error}");
    assert!(
        fake.1.lock().unwrap().objects.is_empty(),
        "the probe leaves nothing"
    );
}

#[tokio::test]
async fn tls_is_spoken_to_whom_the_authority_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = servers::s3();
    let (endpoint, ca_certificate) = tls::start(&server["S3_ENDPOINT"], &folder).await;
    let wary = S3Options {
        endpoint,
        ..options(server, "tls")
    };
    let trusting = S3Options {
        ca_certificate,
        ..wary.clone()
    };
    let store = open_s3(&trusting, Access::ReadWrite).await.unwrap();
    assert_eq!(
        store.put_create(&path(0), "x".into()).await.unwrap(),
        Put::Created
    );
    let error = refused(wary, Access::Read).await;
    assert!(matches!(error, StoreError::Engine { .. }), "{error}");
}

#[tokio::test]
async fn settings_that_cant_be_used_are_named() {
    let no_file = S3Options {
        ca_certificate: "/nowhere/ca.pem".into(),
        ..S3Options::default()
    };
    for (options, named) in [
        (no_file, "segments.ca_certificate /nowhere/ca.pem"),
        (
            S3Options {
                bucket: String::new(),
                ..S3Options::default()
            },
            "segments.bucket",
        ),
    ] {
        let error = refused(options, Access::Read).await;
        assert!(error.to_string().contains(named), "{error}");
    }
}

/// A store as simple as can be, which may or may not know conditions.
#[derive(Default)]
struct Fake {
    knows_conditions: bool,
    bucket_is_gone: bool,
    objects: BTreeMap<String, Bytes>,
}

type Shared = Arc<Mutex<Fake>>;

async fn fake_store(knows_conditions: bool) -> (String, Shared) {
    let shared: Shared = Arc::new(Mutex::new(Fake {
        knows_conditions,
        ..Fake::default()
    }));
    let app = Router::new().fallback(answer).with_state(shared.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, shared)
}

fn fake_options(endpoint: &str) -> S3Options {
    S3Options {
        endpoint: endpoint.into(),
        access_key: "key".into(),
        secret_key: Secret::new("secret"),
        retries: 0,
        ..S3Options::default()
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: axum::http::HeaderMap,
    body: Bytes,
) -> Response {
    let mut fake = shared.lock().unwrap();
    let query = uri.query().unwrap_or_default();
    let name = uri.path().to_owned();
    let conditional = fake.knows_conditions && headers.contains_key("if-none-match");
    if fake.bucket_is_gone {
        let words = "<Error><Code>NoSuchBucket</Code></Error>";
        return (StatusCode::NOT_FOUND, words).into_response();
    }
    match method {
        Method::GET if query.contains("list-type=2") => {
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into_response()
        }
        Method::POST if query.contains("uploads") => {
            "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
                .into_response()
        }
        Method::PUT if query.contains("uploadId") => {
            "<CopyPartResult><ETag>e</ETag></CopyPartResult>".into_response()
        }
        Method::POST if conditional => StatusCode::PRECONDITION_FAILED.into_response(),
        Method::POST => {
            let done = "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>";
            done.into_response()
        }
        Method::DELETE => {
            fake.objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::PUT if conditional && fake.objects.contains_key(&name) => {
            StatusCode::PRECONDITION_FAILED.into_response()
        }
        Method::PUT => {
            fake.objects.insert(name, body);
            (StatusCode::OK, [("etag", "\"e\"")], "").into_response()
        }
        Method::GET => match fake.objects.get(&name) {
            Some(object) => {
                let (status, object) = match headers.get("range") {
                    Some(_) => (StatusCode::PARTIAL_CONTENT, object.slice(1..3)),
                    None => (StatusCode::OK, object.clone()),
                };
                let range = [
                    ("etag", "\"e\""),
                    ("last-modified", "Sun, 22 Nov 2026 00:00:00 GMT"),
                    ("content-range", "bytes 1-2/5"),
                ];
                (status, range, object).into_response()
            }
            None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
        },
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}
