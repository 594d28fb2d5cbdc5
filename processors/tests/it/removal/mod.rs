//! What lifecycle removes, when, and that nobody who reads misses it; also when the process dies between two steps.

mod world;

use hindsight_engines::segments::{Prefix, Put, SegmentPath};
use hindsight_processors::lifecycle::removal::Removed;

use self::world::{DAY_MS, LATE_S, World, now_ms};

/// Two sessions in common flush objects; one closed, opened again by a late batch, closed again.
async fn two_sessions(mut world: World) -> World {
    world.flush(&[(1, LATE_S), (2, LATE_S)]).await;
    world.flush(&[(1, LATE_S)]).await;
    world.close(1).await;
    world.close(2).await;
    world.flush(&[(1, LATE_S)]).await;
    world.close(1).await;
    world
}

async fn assert_both_whole(world: &World) {
    world.assert_whole(1).await;
    world.assert_whole(2).await;
}

#[tokio::test]
async fn what_was_compacted_goes_after_the_grace_and_nobody_misses_it() {
    for world in [World::new(), World::in_memory()] {
        compacted_goes(two_sessions(world).await).await;
    }
}

async fn compacted_goes(mut world: World) {
    assert_eq!(world.count().await, (3, 3, 3));
    assert_eq!(
        world.round(now_ms()).await,
        Removed::default(),
        "within the grace"
    );
    let removed = world.round(now_ms() + DAY_MS + 1000).await;
    let expected = Removed {
        flushes: 3,
        data: 1,
        claims: 1,
        documents: 0,
    };
    assert_eq!(removed, expected);
    assert_eq!(world.count().await, (0, 2, 2));
    assert_both_whole(&world).await;
    assert_eq!(
        world.round(now_ms() + 2 * DAY_MS).await,
        Removed::default(),
        "again"
    );
}

#[tokio::test]
async fn a_process_may_die_before_any_change() {
    for changes in 0.. {
        let mut world = two_sessions(if changes % 2 == 0 {
            World::new()
        } else {
            World::in_memory()
        })
        .await;
        let at = now_ms() + DAY_MS + 1000;
        let died = world.round_of_life(at, changes).await;
        assert_both_whole(&world).await;
        world.round(at).await;
        assert_both_whole(&world).await;
        assert_eq!(
            world.count().await,
            (0, 2, 2),
            "after a death at change {changes}"
        );
        // 3 flush objects, a data object, a claim, one statement of the index.
        if changes == 6 {
            assert!(died.is_ok(), "there are no more steps to die at: {died:?}");
            break;
        }
    }
}

#[tokio::test]
async fn who_reads_an_old_generation_can_finish_within_the_grace() {
    let mut world = World::new();
    world.flush(&[(1, LATE_S)]).await;
    let of_flush = world.manifest(1).await.unwrap();
    world.close(1).await;
    let of_first = world.manifest(1).await.unwrap();
    world.flush(&[(1, LATE_S)]).await;
    world.close(1).await;
    world.round(now_ms() + DAY_MS - 60_000).await;
    assert_eq!(world.events(&of_flush).await.len(), 1);
    assert_eq!(world.events(&of_first).await.len(), 1);
    world.assert_whole(1).await;
}

#[tokio::test]
async fn a_flush_object_stays_for_the_one_batch_that_nothing_else_holds() {
    let mut world = World::new();
    world.flush(&[(1, LATE_S), (2, LATE_S)]).await;
    world.flush(&[(1, LATE_S)]).await;
    world.close(1).await;
    world.round(now_ms() + 10 * DAY_MS).await;
    assert_eq!(world.count().await, (1, 1, 1), "session 2 was never closed");
    assert_both_whole(&world).await;
    world.flush(&[(1, LATE_S)]).await;
    world.round(now_ms() + 20 * DAY_MS).await;
    assert_eq!(
        world.count().await,
        (2, 1, 1),
        "the late batch is in no generation"
    );
    assert_both_whole(&world).await;
}

#[tokio::test]
async fn a_damaged_object_keeps_what_it_was_made_from() {
    let mut world = World::new();
    world.flush(&[(1, LATE_S)]).await;
    world.close(1).await;
    let [data] = &world.names(Prefix::Data).await[..] else {
        panic!("one data object")
    };
    let file = world.folder.path().join("segments").join(data);
    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let later = now_ms() + 3 * DAY_MS;
    world.round(later).await;
    assert_eq!(
        world.count().await,
        (1, 1, 1),
        "a frame does not meet its checksum"
    );
    std::fs::remove_file(&file).unwrap();
    world.round(later).await;
    assert_eq!(world.count().await, (1, 0, 1), "the object is lost");
    std::fs::write(&file, whole).unwrap();
    world.round(later).await;
    assert_eq!(world.count().await, (0, 1, 1), "restored");
    world.assert_whole(1).await;
}

#[tokio::test]
async fn a_session_goes_when_the_last_of_its_batches_has_expired() {
    let mut world = World::new();
    let today_s = now_ms() / 1000;
    let (soon, later) = (today_s + 86_400, today_s + 10 * 86_400);
    world.flush(&[(1, soon), (2, soon)]).await;
    world.flush(&[(1, later)]).await;
    world.close(1).await;
    world.close(2).await;
    world.round(now_ms() + 5 * DAY_MS).await;
    assert_eq!(world.count().await, (0, 1, 1));
    assert!(world.manifest(2).await.is_none(), "expired");
    world.assert_whole(1).await;
    world.round(now_ms() + 11 * DAY_MS).await;
    assert_eq!(world.count().await, (0, 0, 0));
}

#[tokio::test]
async fn of_an_expired_session_no_reader_finds_a_part_whenever_the_process_dies() {
    for changes in 0..6 {
        let mut world = World::new();
        let soon = now_ms() / 1000 + 86_400;
        world.flush(&[(1, soon)]).await;
        world.close(1).await;
        world.flush(&[(1, soon)]).await;
        world.close(1).await;
        let at = now_ms() + 40 * DAY_MS;
        let _ = world.round_of_life(at, changes).await;
        if let Some(manifest) = world.manifest(1).await {
            world.events(&manifest).await;
        }
        world.round(at).await;
        assert_eq!(
            world.count().await,
            (0, 0, 0),
            "after a death at change {changes}"
        );
    }
}

#[tokio::test]
async fn an_erased_session_goes_at_once_and_its_neighbours_stay() {
    let mut world = World::new();
    world.flush(&[(1, LATE_S), (2, LATE_S)]).await;
    world.close(1).await;
    world.erase(1).await;
    world.round(now_ms()).await;
    assert!(world.manifest(1).await.is_none(), "no claim, no data, no row");
    assert_eq!(world.count().await, (1, 0, 0));
    world.assert_whole(2).await;
    world.close(2).await;
    world.round(now_ms() + 2 * DAY_MS).await;
    assert_eq!(world.count().await, (0, 1, 1));
    world.assert_whole(2).await;
}

/// As if a compactor had died between the data object and its claim.
async fn unclaimed() -> World {
    let mut world = World::new();
    world.flush(&[(1, LATE_S)]).await;
    world.close(1).await;
    let [claim] = &world.names(Prefix::Claims).await[..] else {
        panic!("one claim")
    };
    let claim: SegmentPath = claim.parse().unwrap();
    world.store.delete(&claim).await.unwrap();
    world
}

#[tokio::test]
async fn data_that_a_dead_compactor_left_is_claimed_by_the_next_one() {
    let mut world = unclaimed().await;
    world.round(now_ms() + DAY_MS - 60_000).await;
    assert_eq!(world.count().await, (1, 1, 0), "within the grace");
    let again = world.close(1).await;
    assert_eq!((again.claimed, generation(&again.claim)), (Put::Created, 1));
    world.assert_whole(1).await;
}

#[tokio::test]
async fn data_without_a_claim_goes_after_the_grace_and_is_not_claimed_then() {
    let mut world = unclaimed().await;
    let [data] = &world.names(Prefix::Data).await[..] else {
        panic!("one data object")
    };
    let file = world.folder.path().join("segments").join(data);
    let file = std::fs::File::options().write(true).open(file).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    file.set_modified(old).unwrap();
    let again = world.close(1).await;
    assert_eq!(generation(&again.claim), 2, "what is old is left to lifecycle");
    world.round(now_ms() + 2 * DAY_MS).await;
    assert_eq!(world.count().await, (0, 1, 1));
    world.assert_whole(1).await;
}

fn generation(claim: &hindsight_engines::segments::format::Footer) -> u32 {
    claim.session.as_ref().map_or(0, |session| session.generation)
}

#[tokio::test]
async fn where_nothing_is_new_the_generation_stands() {
    let mut world = World::new();
    world.flush(&[(1, LATE_S)]).await;
    assert!(
        world.manifest(1).await.unwrap().standing().is_none(),
        "never closed"
    );
    let first = world.close(1).await;
    let manifest = world.manifest(1).await.unwrap();
    assert_eq!(
        manifest.standing().map(|standing| &**standing),
        Some(&first.claim)
    );
    world.flush(&[(1, LATE_S)]).await;
    assert!(
        world.manifest(1).await.unwrap().standing().is_none(),
        "a late batch"
    );
    assert_eq!(generation(&world.close(1).await.claim), 2);
    world.round(now_ms() + 2 * DAY_MS).await;
    assert!(world.manifest(1).await.unwrap().standing().is_some());
}
