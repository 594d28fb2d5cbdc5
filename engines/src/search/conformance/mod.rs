//! What every search engine must do, written once for the embedded and the distributed one.
//!
//! Each check has projects of its own, so one engine, even one with other data in it, takes them all. A check
//! panics with the query and the ids that differ.

use std::sync::Arc;

use hindsight_schemas::documents::{ActivityDocument, AuditDocument, DocumentId};
use hindsight_schemas::ids::{LogId, Partition, Position, ProjectId, Reference, SessionId, Topic};
use uuid::Uuid;

use super::{
    AuditSearch, Projects, Search, SearchError, SearchWrite, SessionSearch, SortOrder, WriteOutcome,
    WriteRange,
};
use build::{Event, batch};

mod build;
mod corpus;

pub use corpus::{CASES, Case, events};

/// All checks.
pub async fn check(engine: &dyn Search) {
    queries_find_what_they_should(engine).await;
    the_first_document_wins(engine).await;
    a_stub_keeps_its_id_taken(engine).await;
    pages_stay_valid_while_data_is_added(engine).await;
    a_cursor_belongs_to_its_search(engine).await;
    projects_and_times_bound_a_search(engine).await;
    single_events_and_cases_are_found(engine).await;
    sessions_are_found_by_what_was_seen(engine).await;
    a_session_can_be_erased(engine).await;
    positions_are_kept(engine).await;
}

fn project(name: &str) -> ProjectId {
    name.parse().expect("the checks' names are project ids")
}

fn partition(partition: u32) -> Partition {
    Partition {
        topic: Topic::Audit,
        partition,
    }
}

/// A place in a log that only the checks use.
fn position(offset: u64) -> Position {
    Position {
        log_id: LogId(Uuid::from_u128(0xC0)),
        partition: partition(7),
        offset,
    }
}

fn range(last: u64) -> WriteRange {
    let at = position(last);
    WriteRange {
        log_id: at.log_id,
        partition: at.partition,
        last,
    }
}

async fn write(engine: &dyn Search, writes: Vec<SearchWrite>) -> Vec<WriteOutcome> {
    engine
        .write(range(1), Arc::new(writes))
        .await
        .expect("a write succeeds")
}

fn create(document: AuditDocument) -> SearchWrite {
    SearchWrite::CreateAudit(Box::new(document))
}

/// Names of the events that a search finds, in order, over all pages of 3; the total must be their number.
async fn names(engine: &dyn Search, mut search: AuditSearch) -> Vec<String> {
    search.limit = 3;
    let mut names = Vec::new();
    loop {
        let page = engine
            .search_audit(search.clone())
            .await
            .expect("a search succeeds");
        names.extend(page.hits.iter().map(|hit| build::name_of(&hit.source)));
        search.cursor = page.next;
        if search.cursor.is_none() {
            assert_eq!(page.total, names.len() as u64, "total of {}", search.query);
            return names;
        }
    }
}

fn search_of(text: &str, projects: Projects) -> AuditSearch {
    let query = super::parse::parse(text, &jiff::tz::TimeZone::UTC)
        .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    AuditSearch {
        sort: SortOrder::OldestFirst,
        ..AuditSearch::new(query, projects)
    }
}

async fn queries_find_what_they_should(engine: &dyn Search) {
    let of = project("conformance-corpus");
    let documents = events().into_iter().map(|event| create(event.document(&of)));
    write(engine, documents.collect()).await;
    for case in CASES {
        let mut found = names(engine, search_of(case.query, (&of).into())).await;
        found.sort_unstable();
        assert_eq!(found.concat(), case.found, "query {:?}", case.query);
    }
}

async fn the_first_document_wins(engine: &dyn Search) {
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

async fn a_stub_keeps_its_id_taken(engine: &dyn Search) {
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

async fn pages_stay_valid_while_data_is_added(engine: &dyn Search) {
    let of = project("conformance-pages");
    // Three at each time: the id decides between them.
    let event = |number: u64| Event::new(&format!("{number:02}."), number / 3).document(&of);
    write(engine, (0..10).map(|number| create(event(number))).collect()).await;
    for sort in [SortOrder::OldestFirst, SortOrder::NewestFirst] {
        let search = AuditSearch {
            sort,
            limit: 4,
            ..search_of("", (&of).into())
        };
        let first = engine
            .search_audit(search.clone())
            .await
            .expect("a search succeeds");
        let second = AuditSearch {
            cursor: first.next.clone(),
            ..search.clone()
        };
        let before = engine
            .search_audit(second.clone())
            .await
            .expect("a search succeeds");
        assert!(first.hits.last().map(|hit| hit.id) != before.hits.first().map(|hit| hit.id));
        // Before and after everything that is there, so no page in between changes.
        let more = if sort == SortOrder::OldestFirst { 30 } else { 60 };
        write(engine, vec![create(event(more)), create(event(more + 1))]).await;
        let after = engine.search_audit(second).await.expect("a search succeeds");
        assert_eq!(before.hits, after.hits, "{sort:?}");
        assert_eq!(after.total, before.total + 2);
    }
    let mut expected: Vec<String> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 31, 60, 61]
        .map(|n| format!("{n:02}."))
        .into();
    assert_eq!(names(engine, search_of("", (&of).into())).await, expected);
    expected.reverse();
    let newest = AuditSearch {
        sort: SortOrder::NewestFirst,
        ..search_of("", (&of).into())
    };
    assert_eq!(names(engine, newest).await, expected);
}

async fn a_cursor_belongs_to_its_search(engine: &dyn Search) {
    let of = project("conformance-pages");
    let search = AuditSearch {
        limit: 1,
        ..search_of("", (&of).into())
    };
    let cursor = engine
        .search_audit(search.clone())
        .await
        .expect("a search succeeds")
        .next;
    assert!(cursor.is_some());
    let others = [
        AuditSearch {
            cursor: cursor.clone(),
            ..search_of("action:x", (&of).into())
        },
        AuditSearch {
            cursor: cursor.clone(),
            sort: SortOrder::NewestFirst,
            ..search.clone()
        },
        AuditSearch {
            cursor: cursor.clone(),
            from_us: Some(0),
            ..search.clone()
        },
        AuditSearch {
            cursor: cursor.clone(),
            projects: Projects::All,
            ..search.clone()
        },
        AuditSearch {
            cursor: Some("nonsense".into()),
            ..search.clone()
        },
    ];
    for other in others {
        let refused = engine.search_audit(other.clone()).await;
        assert!(matches!(refused, Err(SearchError::CursorMismatch)), "{other:?}");
    }
    let refused = engine.search_audit(AuditSearch { limit: 0, ..search }).await;
    assert!(matches!(refused, Err(SearchError::Limit(0))));
}

async fn projects_and_times_bound_a_search(engine: &dyn Search) {
    let [one, two] = ["conformance-one", "conformance-two"].map(project);
    let events = [("a", 1, &one), ("b", 2, &two), ("c", 3, &one)];
    write(
        engine,
        events
            .map(|(name, second, of)| create(Event::new(name, second).document(of)))
            .into(),
    )
    .await;
    let found = async |projects| {
        names(engine, search_of("", Projects::Only(projects)))
            .await
            .concat()
    };
    assert_eq!(found(vec![one.clone()]).await, "ac");
    assert_eq!(found(vec![one.clone(), two.clone()]).await, "abc");
    assert_eq!(found(vec![]).await, "");
    let all = names(engine, search_of("project:conformance-two", Projects::All)).await;
    assert_eq!(all, ["b"]);
    let [from_us, to_us] = [1, 3].map(|second| Some(build::time_us(second)));
    let within = AuditSearch {
        from_us,
        to_us,
        ..search_of("", (&one).into())
    };
    assert_eq!(names(engine, within).await, ["a"], "times are half-open");
}

async fn single_events_and_cases_are_found(engine: &dyn Search) {
    let of = project("conformance-case");
    let session = SessionId::from_parts(1_700_000_000_000, [9; 10]);
    let [one, two, three] = [
        Event::new("a", 3).session(session).reference("order", "O-3"),
        Event::new("b", 2).target("order", "O-3"),
        Event::new("c", 1).session(session).reference("order", "O-33"),
    ]
    .map(|event| event.document(&of));
    write(
        engine,
        [&one, &two, &three]
            .map(|document| create(document.clone()))
            .into(),
    )
    .await;
    let found = engine
        .get_audit(&of, two.id)
        .await
        .expect("answers")
        .expect("is there");
    assert_eq!(
        (found.id, found.position, &found.source),
        (two.id, two.position, &two.source)
    );
    assert_eq!(found.occurred_at_us, two.occurred_at_us);
    assert_eq!(
        engine
            .get_audit(&project("conformance-none"), two.id)
            .await
            .expect("answers"),
        None
    );
    let page = engine.audit_of_session(&of, session).await.expect("answers");
    assert_eq!(
        page.hits.iter().map(|hit| hit.id).collect::<Vec<_>>(),
        [three.id, one.id]
    );
    let page = engine
        .audit_by_reference(&of, "order", "O-3")
        .await
        .expect("answers");
    assert_eq!(
        page.hits.iter().map(|hit| hit.id).collect::<Vec<_>>(),
        [two.id, one.id]
    );
}

async fn sessions_are_found_by_what_was_seen(engine: &dyn Search) {
    let of = project("conformance-sessions");
    let make = |session: u8, seq: u32, text: &str| {
        let mut document = ActivityDocument::new(&batch(&of, session, seq), position(u64::from(seq)));
        document.titles.add(text);
        document.urls.add("https://shop.example/checkout?step=2");
        document.add_reference(Reference {
            kind: "order".into(),
            id: format!("O-{session}"),
        });
        SearchWrite::CreateActivity(Box::new(document))
    };
    let writes = vec![
        make(1, 0, "Red shoes"),
        make(2, 0, "订单已付款"),
        make(1, 5, "Blue shoes"),
        make(3, 2, "shoes, red"),
    ];
    write(engine, writes).await;
    let search = |text: &str| SessionSearch {
        text: text.into(),
        reference: None,
        projects: (&of).into(),
        from_ms: None,
        to_ms: None,
        limit: 10,
    };
    let sessions = async |search| {
        let page = engine.search_sessions(search).await.expect("a search succeeds");
        page.hits
            .iter()
            .map(|hit| build::session_number(hit.session_id))
            .collect::<Vec<_>>()
    };
    for (text, expected) in [
        ("shoes", vec![1, 3]),
        ("\"red shoes\"", vec![1]),
        ("red shoes", vec![3, 1]),
        ("blue red", vec![]),
        ("shoe*", vec![1, 3]),
        ("付款", vec![2]),
        ("款付", vec![]),
        ("checkout", vec![1, 3, 2]),
        ("", vec![1, 3, 2]),
    ] {
        assert_eq!(sessions(search(text)).await, expected, "{text:?}");
    }
    let by_reference = SessionSearch {
        reference: Some("order:O-3".into()),
        ..search("")
    };
    assert_eq!(sessions(by_reference).await, [3]);
    let [from_ms, to_ms] = [3, 6].map(|second| Some(build::time_us(second) / 1000));
    assert_eq!(
        sessions(SessionSearch {
            from_ms,
            to_ms,
            ..search("")
        })
        .await,
        [1]
    );
    let page = engine
        .search_sessions(SessionSearch {
            limit: 2,
            ..search("")
        })
        .await
        .expect("answers");
    assert_eq!((page.hits.len(), page.more), (2, true));
}

async fn a_session_can_be_erased(engine: &dyn Search) {
    let of = project("conformance-erase");
    let document = |session, seq| ActivityDocument::new(&batch(&of, session, seq), position(u64::from(seq)));
    let create = |document| SearchWrite::CreateActivity(Box::new(document));
    write(
        engine,
        (0..5)
            .map(|seq| create(document(1, seq)))
            .chain([create(document(2, 0))])
            .collect(),
    )
    .await;
    let session = document(1, 0).session_id();
    let mut rounds = 0;
    loop {
        let ids = engine
            .activity_of_session(&of, session, 2)
            .await
            .expect("answers");
        if ids.is_empty() {
            break;
        }
        rounds += 1;
        assert!(rounds <= 3, "stubs must not name their session");
        write(engine, ids.into_iter().map(SearchWrite::Stub).collect()).await;
    }
    assert_eq!(rounds, 3);
    assert_eq!(
        write(engine, vec![create(document(1, 3))]).await,
        [WriteOutcome::Erased]
    );
    let other = engine
        .activity_of_session(&of, document(2, 0).session_id(), 10)
        .await
        .expect("answers");
    assert_eq!(other, [DocumentId::activity(&batch(&of, 2, 0).id())]);
}

async fn positions_are_kept(engine: &dyn Search) {
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
            .write(range, Arc::new(vec![create(document)]))
            .await
            .expect("a write succeeds");
    };
    written(3, 90, "a").await;
    written(4, 17, "b").await;
    written(3, 20, "c").await;
    let all = engine.committed_positions().await.expect("answers");
    let mut ours: Vec<_> = all
        .iter()
        .filter(|at| at.log_id == log_id)
        .map(|at| (at.partition.partition, at.last))
        .collect();
    ours.sort_unstable();
    assert_eq!(ours, [(3, 90), (4, 17)], "a position never goes back");
    engine.refresh().await.expect("answers");
    assert!(engine.health().await.expect("is well").documents > 0);
}
