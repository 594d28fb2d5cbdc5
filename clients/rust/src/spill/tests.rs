//! What lies on disk: whole or not at all, bounded, found again.

use super::*;

fn lines<'a>(texts: &'a [&'a str]) -> impl Iterator<Item = &'a [u8]> + Clone {
    texts.iter().map(|text| text.as_bytes())
}

fn all(store: &mut SpillStore) -> Vec<String> {
    let mut found = vec![];
    while let Some(batch) = store.next() {
        let lines = store.read(&batch).unwrap();
        found.extend(lines.into_iter().map(|line| String::from_utf8(line).unwrap()));
    }
    found
}

#[test]
fn the_bound_holds_and_freed_room_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SpillStore::open(folder.path(), 10).unwrap();
    assert!(store.keep(lines(&["1234", "56"])).unwrap());
    assert!(!store.keep(lines(&["78"])).unwrap());
    let oldest = store.next().unwrap();
    store.remove(&oldest).unwrap();
    assert!(store.keep(lines(&["78"])).unwrap());
}

#[test]
fn a_half_written_batch_is_none() {
    let folder = tempfile::tempdir().unwrap();
    SpillStore::open(folder.path(), 100)
        .unwrap()
        .keep(lines(&["1"]))
        .unwrap();
    fs::write(folder.path().join("rust-0/0000000000009-x-00000000.half"), "2\n").unwrap();
    let mut store = SpillStore::open(folder.path(), 100).unwrap();
    assert_eq!(all(&mut store), ["1"]);
}

#[test]
fn each_has_a_place_and_the_next_takes_over_what_both_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = SpillStore::open(folder.path(), 100).unwrap();
    let mut two = SpillStore::open(folder.path(), 100).unwrap();
    one.keep(lines(&["1"])).unwrap();
    two.keep(lines(&["2"])).unwrap();
    assert_eq!(all(&mut two), ["2"]);
    drop((one, two));
    let mut next = SpillStore::open(folder.path(), 100).unwrap();
    assert_eq!(all(&mut next), ["1", "2"]);
}

#[test]
fn operations_without_an_end_are_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = SpillStore::open(folder.path(), 1_000).unwrap();
    let journal = store.journal();
    let mut ended = journal.begin("a", b"{\"a\":\"unknown\"}").unwrap();
    let unfinished = journal.begin("b", b"{\"b\":\"unknown\"}").unwrap();
    journal.complete(&mut ended, "a", b"{\"a\":\"success\"}").unwrap();
    // As a crash leaves it, with a torn last line.
    drop((ended, unfinished, journal, store));
    let files = fs::read_dir(folder.path().join("rust-0")).unwrap();
    let path = files
        .map(|file| file.unwrap().path())
        .find(|path| journal::is_journal(path))
        .unwrap();
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(b"A c {\"c\":1").unwrap();
    let mut store = SpillStore::open(folder.path(), 1_000).unwrap();
    assert_eq!(all(&mut store), ["{\"a\":\"success\"}", "{\"b\":\"unknown\"}"]);
}

#[test]
fn the_journal_goes_when_its_operations_are_kept_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = SpillStore::open(folder.path(), 1 << 20).unwrap();
    let journal = store.journal();
    std::thread::scope(|scope| {
        for number in 0..32 {
            let journal = &journal;
            scope.spawn(move || {
                let id = format!("id{number}");
                let mut entry = journal.begin(&id, b"{}").unwrap();
                journal.complete(&mut entry, &id, b"{}").unwrap();
                entry.done();
            });
        }
    });
    drop(journal);
    let files = fs::read_dir(folder.path().join("rust-0")).unwrap();
    assert_eq!(
        files
            .filter(|file| journal::is_journal(&file.as_ref().unwrap().path()))
            .count(),
        0
    );
    assert_eq!(store.disk.used.load(Ordering::Relaxed), 0);
}

#[test]
fn at_its_bound_nothing_begins_but_what_began_may_end() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SpillStore::open(folder.path(), 30).unwrap().journal();
    let mut entry = journal.begin("a", b"{\"long\":\"long long\"}").unwrap();
    let refused = journal.begin("b", b"{\"long\":\"long\"}").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the spill folder is at its bound of 30 bytes"
    );
    journal
        .complete(&mut entry, "a", b"{\"long\":\"long long long\"}")
        .unwrap();
}
