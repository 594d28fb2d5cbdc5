//! Who wins an id, what a stub does, and what is noted as written.

use hindsight_schemas::documents::AuditDocument;
use hindsight_schemas::ids::LogId;
use uuid::Uuid;

use super::super::{Search, SearchWrite, Standing, WriteOutcome, WriteRange};
use super::build::Event;
use super::{create, names, partition, position, project, search_of, write};

pub(super) async fn the_first_document_wins(engine: &dyn Search) {
    let of = project("conformance-first");
    let first = Event::new("a", 1).at(position(5)).document(&of);
    let repeat = Event::new("a", 1).at(position(6)).document(&of);
    let twin = Event::new("a", 1)
        .at(position(7))
        .text("other content")
        .document(&of);
    let exists = |same_content| WriteOutcome::Exists {
        same_content,
        position: position(5),
    };
    let writes = [&first, &repeat, &twin].map(|document| create(document.clone()));
    assert_eq!(
        write(engine, writes.to_vec()).await,
        [WriteOutcome::Created, exists(true), exists(false)]
    );
    let again = [&twin, &first].map(|document| create(document.clone()));
    assert_eq!(write(engine, again.to_vec()).await, [exists(false), exists(true)]);
    let page = engine
        .search_audit(search_of("", (&of).into()))
        .await
        .expect("a search succeeds");
    assert_eq!((page.total, &page.hits[0].source), (1, &first.source));
    let elsewhere = project("conformance-first-2");
    let other = Event::new("a", 1).document(&elsewhere);
    assert_eq!(
        write(engine, vec![create(other)]).await,
        [WriteOutcome::Created],
        "an id in another project"
    );
}

pub(super) async fn a_stub_keeps_its_id_taken(engine: &dyn Search) {
    let of = project("conformance-stub");
    let [kept, erased, never] =
        ["k", "e", "n"].map(|name| Event::new(name, 1).text("confidential").document(&of));
    let stub = |document: &AuditDocument| SearchWrite::Stub(document.document_id());
    write(engine, vec![create(kept.clone()), create(erased.clone())]).await;
    let outcomes = write(engine, vec![stub(&erased), stub(&never), create(never.clone())]).await;
    assert_eq!(
        outcomes,
        [WriteOutcome::Stubbed, WriteOutcome::Stubbed, WriteOutcome::Erased]
    );
    assert_eq!(
        write(engine, vec![create(erased.clone()), stub(&erased)]).await,
        [WriteOutcome::Erased, WriteOutcome::Stubbed]
    );
    for text in ["", "confidential", "-action:x", "-confidential OR confidential"] {
        assert_eq!(
            names(engine, search_of(text, (&of).into())).await,
            ["k"],
            "{text:?}"
        );
    }
    assert_eq!(engine.get_audit(&of, erased.id).await.expect("answers"), None);
    let within = Event::new("w", 1).document(&of);
    write(engine, vec![create(within.clone()), stub(&within)]).await;
    assert_eq!(
        names(engine, search_of("", (&of).into())).await,
        ["k"],
        "created and erased in one write"
    );
}

pub(super) async fn what_stands_under_an_id_is_told(engine: &dyn Search) {
    let of = project("conformance-standing");
    let [kept, erased, never] = [("k", 11), ("e", 12), ("n", 13)]
        .map(|(name, at)| Event::new(name, 1).at(position(at)).document(&of));
    let stub = SearchWrite::Stub(erased.document_id());
    write(engine, vec![create(kept.clone()), create(erased.clone()), stub]).await;
    let ask = [
        (never.document_id(), never.content_sha256),
        (kept.document_id(), kept.content_sha256),
        (erased.document_id(), erased.content_sha256),
        (kept.document_id(), [0; 32]),
    ];
    let document = |same_content| Standing::Document {
        same_content,
        position: position(11),
        times: 1,
    };
    assert_eq!(
        engine.standing(ask.into()).await.expect("answers"),
        [
            Standing::Absent,
            document(true),
            Standing::Erased,
            document(false)
        ]
    );
}

pub(super) async fn written_partitions_are_known(engine: &dyn Search) {
    let of = project("conformance-positions");
    let log_id = LogId(Uuid::from_u128(0xC1));
    let written = async |number: u32, last: u64, name: &str| {
        let range = WriteRange {
            log_id,
            partition: partition(number),
            last,
        };
        let document = Event::new(name, 1).document(&of);
        engine
            .write(range, vec![create(document)])
            .await
            .expect("a write succeeds");
    };
    written(3, 90, "a").await;
    written(4, 17, "b").await;
    written(3, 20, "c").await;
    let all = engine.written_partitions().await.expect("answers");
    let mut ours: Vec<_> = all
        .iter()
        .filter(|at| at.log_id == log_id)
        .map(|at| at.partition.partition)
        .collect();
    ours.sort_unstable();
    assert_eq!(ours, [3, 4]);
    engine.refresh().await.expect("answers");
    assert!(engine.health().await.expect("is well").documents > 0);
}

pub(super) async fn what_expired_is_found_no_more(engine: &dyn Search) {
    let of = project("conformance-expiry");
    let until = |name: &str, expires_at_s: i64| {
        let mut document = Event::new(name, 1).document(&of);
        document.expires_at_s = expires_at_s;
        document
    };
    let [old, last, kept] = [until("o", 5_000), until("l", 5_999), until("k", 6_000)];
    let stub = SearchWrite::Stub(until("s", 1).document_id());
    let mut writes: Vec<SearchWrite> = [&old, &last, &kept]
        .map(|document| create(document.clone()))
        .into();
    writes.push(stub.clone());
    write(engine, writes).await;
    let mut removed = 0;
    loop {
        let part = engine.expire(6_000).await.expect("answers");
        removed += part;
        if part == 0 {
            break;
        }
    }
    assert_eq!(removed, 2);
    assert_eq!(names(engine, search_of("", (&of).into())).await, ["k"]);
    assert_eq!(engine.get_audit(&of, old.id).await.expect("answers"), None);
    let erased = create(until("s", 9_000));
    assert_eq!(
        write(engine, vec![erased]).await,
        [WriteOutcome::Erased],
        "a stub does not expire"
    );
}
