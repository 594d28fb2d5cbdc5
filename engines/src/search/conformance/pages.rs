//! Order, cursors, and what bounds a search.

use super::super::{AuditSearch, Projects, Search, SearchError, SortOrder};
use super::build::{self, Event};
use super::{create, names, project, search_of, write};

pub(super) async fn pages_stay_valid_while_data_is_added(engine: &dyn Search) {
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

pub(super) async fn a_cursor_belongs_to_its_search(engine: &dyn Search) {
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

pub(super) async fn projects_and_times_bound_a_search(engine: &dyn Search) {
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
