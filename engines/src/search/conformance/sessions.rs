//! Sessions by what was seen and done in them, and their erasure.

use hindsight_schemas::documents::ActivityDocument;
use hindsight_schemas::ids::Reference;

use super::super::{Search, SearchWrite, SessionSearch, WriteOutcome};
use super::build::{self, Event, batch};
use super::{position, project, write};

pub(super) async fn sessions_are_found_by_what_was_seen(engine: &dyn Search) {
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

pub(super) async fn a_session_can_be_erased(engine: &dyn Search) {
    let of = project("conformance-erase");
    let document = |session, seq| ActivityDocument::new(&batch(&of, session, seq), position(u64::from(seq)));
    let create = |document| SearchWrite::CreateActivity(Box::new(document));
    let session_id = document(1, 0).session_id();
    let erase = || SearchWrite::EraseSession {
        project: of.clone(),
        session_id,
    };
    let during = super::create(Event::new("a", 1).session(session_id).document(&of));
    write(
        engine,
        vec![
            create(document(1, 0)),
            create(document(1, 1)),
            create(document(2, 0)),
            during,
        ],
    )
    .await;
    // Before and after it in one write; a batch that was never seen; the erasure again.
    let writes = vec![
        create(document(1, 2)),
        erase(),
        create(document(1, 2)),
        create(document(1, 3)),
        erase(),
    ];
    let (created, stubbed, erased) = (WriteOutcome::Created, WriteOutcome::Stubbed, WriteOutcome::Erased);
    let expected = [
        created.clone(),
        stubbed.clone(),
        erased.clone(),
        erased.clone(),
        stubbed,
    ];
    assert_eq!(write(engine, writes).await, expected);
    let late = vec![
        create(document(1, 0)),
        create(document(1, 9)),
        create(document(2, 9)),
    ];
    assert_eq!(write(engine, late).await, [erased.clone(), erased, created]);
    let everything = SessionSearch {
        projects: (&of).into(),
        ..SessionSearch::new("")
    };
    let page = engine.search_sessions(everything).await.expect("answers");
    assert_eq!(
        page.hits
            .iter()
            .map(|hit| build::session_number(hit.session_id))
            .collect::<Vec<_>>(),
        [2]
    );
    let audit = engine.audit_of_session(&of, session_id).await.expect("answers");
    assert_eq!(audit.total, 1, "audit events don't go for their session's sake");
}
