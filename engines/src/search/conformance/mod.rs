//! What every search engine must do, written once for the embedded and the distributed one.
//!
//! Each check has projects of its own, so one engine, even one with other data in it, takes them all. A check
//! panics with the query and the ids that differ.

use hindsight_schemas::documents::AuditDocument;
use hindsight_schemas::ids::{LogId, Partition, Position, ProjectId, SessionId, Topic};
use uuid::Uuid;

use super::query::NESTING;
use super::{AuditSearch, Projects, Search, SearchWrite, SortOrder, WriteOutcome, WriteRange};
use build::Event;

mod build;
mod corpus;
mod pages;
mod sessions;
mod writes;

pub use corpus::{CASES, Case, events};

/// All checks.
pub async fn check(engine: &dyn Search) {
    queries_find_what_they_should(engine).await;
    the_deepest_queries_are_answered(engine).await;
    writes::the_first_document_wins(engine).await;
    writes::a_stub_keeps_its_id_taken(engine).await;
    writes::what_stands_under_an_id_is_told(engine).await;
    pages::pages_stay_valid_while_data_is_added(engine).await;
    pages::a_cursor_belongs_to_its_search(engine).await;
    pages::projects_and_times_bound_a_search(engine).await;
    single_events_and_cases_are_found(engine).await;
    sessions::sessions_are_found_by_what_was_seen(engine).await;
    sessions::a_session_can_be_erased(engine).await;
    writes::written_partitions_are_known(engine).await;
    writes::what_expired_is_found_no_more(engine).await;
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

/// Writes, and makes it searchable.
async fn write(engine: &dyn Search, writes: Vec<SearchWrite>) -> Vec<WriteOutcome> {
    let outcomes = engine.write(range(1), writes).await;
    engine.refresh().await.expect("a refresh succeeds");
    outcomes.expect("a write succeeds")
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

/// Queries as deep as the parser takes them, which an engine's own limits must not forbid. Each asks for
/// `timeout` and `password` in its own way.
async fn the_deepest_queries_are_answered(engine: &dyn Search) {
    let of = project("conformance-corpus");
    let alternating = |inner: &str, levels: usize| {
        (0..levels).fold(inner.to_owned(), |query, _| {
            format!("(nowhere OR timeout {query})")
        })
    };
    let negated = |inner: &str, levels: usize| {
        (0..levels).fold(inner.to_owned(), |query, _| {
            format!("-(nowhere OR -(timeout {query}))")
        })
    };
    let doubled = |inner: &str, levels: usize| {
        (0..levels).fold(inner.to_owned(), |query, _| {
            format!("({query} OR nowhere) ({query} OR nowhere)")
        })
    };
    for query in [
        alternating("password", NESTING),
        negated("password", NESTING / 4),
        alternating(&doubled("password", 6), NESTING - 6),
    ] {
        let found = names(engine, search_of(&query, (&of).into())).await;
        assert_eq!(found, ["h"], "query {query:?}");
    }
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
