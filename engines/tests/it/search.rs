//! The embedded search engine against the conformance suite, and what only it does: files, locks, restarts.

use std::collections::HashSet;
use std::sync::Arc;

use hindsight_engines::search::conformance::{self, events};
use hindsight_engines::search::embedded::{EmbeddedSearch, WriterMemory};
use hindsight_engines::search::parse::parse;
use hindsight_engines::search::{
    AuditSearch, Projects, Search, SearchError, SearchWrite, WriteOutcome, WriteRange,
};
use hindsight_schemas::ids::{LogId, Partition, ProjectId, SessionId, Topic};
use jiff::tz::TimeZone;
use tempfile::TempDir;
use uuid::Uuid;

fn open(folder: &TempDir) -> EmbeddedSearch {
    EmbeddedSearch::open(folder.path(), WriterMemory::default()).unwrap()
}

fn range(partition: u32, last: u64) -> WriteRange {
    let partition = Partition {
        topic: Topic::Audit,
        partition,
    };
    WriteRange {
        log_id: LogId(Uuid::from_u128(1)),
        partition,
        last,
    }
}

fn project() -> ProjectId {
    "shop".parse().unwrap()
}

fn creates() -> Vec<SearchWrite> {
    let create = |document| SearchWrite::CreateAudit(Box::new(document));
    events()
        .into_iter()
        .map(|event| create(event.document(&project())))
        .collect()
}

fn everything() -> AuditSearch {
    AuditSearch::new(parse("", &TimeZone::UTC).unwrap(), Projects::All)
}

#[tokio::test]
async fn the_embedded_engine_conforms() {
    let folder = TempDir::new().unwrap();
    conformance::check(&open(&folder)).await;
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let engine = open(&folder);
    engine.write(range(2, 41), creates()).await.unwrap();
    drop(engine);
    let engine = open(&folder);
    assert_eq!(engine.search_audit(everything()).await.unwrap().total, 8);
    let positions = engine.written_partitions().await.unwrap();
    assert_eq!(
        positions
            .iter()
            .map(|at| at.partition.partition)
            .collect::<Vec<_>>(),
        [2]
    );
    let again = engine.write(range(2, 41), creates()).await.unwrap();
    assert!(again.iter().all(|outcome| matches!(
        outcome,
        WriteOutcome::Exists {
            same_content: true,
            ..
        }
    )));
    assert_eq!(engine.search_audit(everything()).await.unwrap().total, 8);
}

#[tokio::test]
async fn a_second_owner_of_the_folder_is_refused() {
    let folder = TempDir::new().unwrap();
    let _first = open(&folder);
    let second = EmbeddedSearch::open(folder.path(), WriterMemory::default());
    let Err(SearchError::Locked(named)) = second else {
        panic!("two owners of one folder")
    };
    assert_eq!(named, folder.path().display().to_string());
}

#[tokio::test]
async fn lanes_that_race_for_an_id_share_commits_and_create_it_once() {
    let folder = TempDir::new().unwrap();
    let engine = Arc::new(open(&folder));
    let lanes = (0..16).map(|lane| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.write(range(lane, 7), creates()).await.unwrap() })
    });
    let mut created = 0;
    for lane in lanes.collect::<Vec<_>>() {
        created += lane
            .await
            .unwrap()
            .iter()
            .filter(|outcome| **outcome == WriteOutcome::Created)
            .count();
    }
    assert_eq!(created, 8);
    assert_eq!(engine.search_audit(everything()).await.unwrap().total, 8);
    assert_eq!(engine.written_partitions().await.unwrap().len(), 16);
}

#[tokio::test]
async fn an_erased_document_leaves_the_files() {
    let folder = TempDir::new().unwrap();
    let engine = open(&folder);
    engine.write(range(0, 0), creates()).await.unwrap();
    let held = segments(&folder);
    assert!(!held.is_empty());
    let erase = |write: &SearchWrite| match write {
        SearchWrite::CreateAudit(document) => SearchWrite::Stub(document.document_id()),
        other => other.clone(),
    };
    engine
        .write(range(0, 1), creates().iter().map(erase).collect())
        .await
        .unwrap();
    // The rewrite runs in the background: a stop in the middle of it must not leave anything for ever.
    drop(engine);
    let engine = open(&folder);
    let started = std::time::Instant::now();
    for last in 2.. {
        let session_id = SessionId::from_parts(last, [0; 10]);
        let other = SearchWrite::EraseSession {
            project: project(),
            session_id,
        };
        engine.write(range(0, last), vec![other]).await.unwrap();
        if segments(&folder).is_disjoint(&held) {
            break;
        }
        assert!(
            started.elapsed().as_secs() < 20,
            "files with erased text are still there: {held:?}"
        );
    }
}

/// The segments of which there are files: tantivy names them by 32 hexadecimal digits.
fn segments(folder: &TempDir) -> HashSet<String> {
    let names = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let stem = |name: std::ffi::OsString| name.to_str()?.split_once('.').map(|(stem, _)| stem.to_owned());
    names.filter_map(stem).filter(|stem| stem.len() == 32).collect()
}

#[tokio::test]
async fn an_index_of_another_layout_is_refused() {
    let folder = TempDir::new().unwrap();
    let mut schema = tantivy::schema::Schema::builder();
    schema.add_text_field("other", tantivy::schema::STORED);
    tantivy::Index::create_in_dir(folder.path(), schema.build()).unwrap();
    let refused = EmbeddedSearch::open(folder.path(), WriterMemory::default());
    assert!(matches!(refused, Err(SearchError::OtherLayout(_))));
}

#[tokio::test]
async fn a_commit_that_fails_is_told_and_the_next_one_works() {
    let folder = TempDir::new().unwrap();
    let (here, away) = (folder.path().join("index"), folder.path().join("away"));
    let engine = EmbeddedSearch::open(&here, WriterMemory::default()).unwrap();
    std::fs::rename(&here, &away).unwrap();
    for _ in 0..2 {
        let failed = engine.write(range(0, 1), creates()).await;
        assert!(matches!(failed, Err(SearchError::Engine(_))), "{failed:?}");
    }
    assert_eq!(engine.written_partitions().await.unwrap(), []);
    std::fs::rename(&away, &here).unwrap();
    let outcomes = engine.write(range(0, 1), creates()).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == WriteOutcome::Created));
    assert_eq!(engine.search_audit(everything()).await.unwrap().total, 8);
}
