//! What groups promise.

use std::collections::BTreeMap;
use std::time::Instant;

use hindsight_schemas::ids::{Partition, Topic};

use super::{Fixture, PATIENCE, append, assigned_in, audit, consumer_of_all, poll, revoked_in, until};
use crate::log::{Commit, Committed, Consumer, ConsumerError};

fn commit_of(partition: Partition, offset: u64, metadata: &str) -> Commit {
    Commit {
        partition,
        committed: Committed {
            offset,
            metadata: metadata.into(),
        },
    }
}

fn committed(consumer: &mut dyn Consumer, partition: Partition) -> Option<Committed> {
    let committed = consumer.committed(&[partition]).expect("commits are known");
    committed
        .into_iter()
        .find(|(of, _)| *of == partition)
        .and_then(|(_, committed)| committed)
}

/// Both change together, the metadata also alone, and an offset may go back.
pub async fn a_commit_is_offset_and_metadata(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    append(&*log, audit(0), &["a", "b"]).await;
    let mut consumer = consumer_of_all(&*log, "commits");
    assert_eq!(committed(&mut *consumer, audit(0)), None);
    for (offset, metadata) in [
        (0, "pending 0..1, 1"),
        (0, "pending 0..0, 1"),
        (2, ""),
        (1, "again"),
    ] {
        let commits = [
            commit_of(audit(0), offset, metadata),
            commit_of(audit(1), 0, metadata),
        ];
        consumer.commit(&commits).expect("the commit is answered");
        for commit in commits {
            assert_eq!(
                committed(&mut *consumer, commit.partition),
                Some(commit.committed.clone())
            );
            let outside = log
                .committed("commits", commit.partition)
                .await
                .expect("commits are known");
            assert_eq!(outside, Some(commit.committed));
        }
    }
    assert_eq!(committed(&mut *consumer, audit(2)), None);
}

/// Each partition has one owner at a time, and the shares are even.
pub async fn partitions_are_spread_over_members(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let partitions = log.partitions(Topic::Audit) as usize;
    let mut members: Vec<_> = (0..3)
        .map(|_| log.consumer("spread", &[Topic::Audit]).expect("joins"))
        .collect();
    let mut owners: BTreeMap<Partition, usize> = BTreeMap::new();
    let even = |owners: &BTreeMap<Partition, usize>| {
        let share = |member| owners.values().filter(|owner| **owner == member).count();
        owners.len() == partitions && (0..3).all(|member| share(member).abs_diff(partitions / 3) <= 1)
    };
    let mut going: Vec<Vec<Partition>> = vec![Vec::new(); 3];
    until("the shares are even", || {
        for (number, member) in members.iter_mut().enumerate() {
            // What was told to go is gone when its owner polls again.
            for partition in std::mem::take(&mut going[number]) {
                owners.remove(&partition);
            }
            let polled = poll(&mut **member);
            going[number] = revoked_in(&polled);
            for partition in assigned_in(&polled) {
                let before = owners.insert(partition, number);
                assert_eq!(before, None, "{partition} has two owners");
            }
        }
        even(&owners)
    });
}

/// A group that nobody is in has no members, and neither has one that all have left.
pub async fn members_are_counted_without_joining(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let members = || async { log.members("counted").await.expect("the look-up is answered") };
    assert_eq!(members().await, 0);
    let first = consumer_of_all(&*log, "counted");
    assert_eq!(members().await, 1);
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while members().await > 0 {
        assert!(Instant::now() < deadline, "who left is still counted");
    }
}

/// A member leaves; who gets its partitions starts where it stopped.
pub async fn the_next_owner_reads_the_last_commit(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut first = consumer_of_all(&*log, "next-owner");
    first
        .commit(&[commit_of(audit(3), 7, "left here")])
        .expect("the commit is answered");
    drop(first);
    let mut second = consumer_of_all(&*log, "next-owner");
    let expected = Committed {
        offset: 7,
        metadata: "left here".into(),
    };
    assert_eq!(committed(&mut *second, audit(3)), Some(expected));
}

/// Who did not poll for longer than the session time-out has lost its partitions and can change nothing.
pub async fn stale_members_are_fenced(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut stale = consumer_of_all(&*log, "stale");
    stale
        .commit(&[commit_of(audit(0), 1, "old")])
        .expect("the commit is answered");
    fixture.pass_session_timeout().await;
    let mut fresh = consumer_of_all(&*log, "stale");
    fresh
        .commit(&[commit_of(audit(0), 2, "new")])
        .expect("the commit is answered");
    let refused = stale.commit(&[commit_of(audit(0), 1, "zombie")]);
    assert!(matches!(refused, Err(ConsumerError::Fenced(_))), "{refused:?}");
    assert_eq!(
        committed(&mut *fresh, audit(0)).map(|committed| committed.metadata),
        Some("new".into())
    );
    let mut lost = Vec::new();
    until("the stale member learns of it", || {
        lost.extend(revoked_in(&poll(&mut *stale)));
        poll(&mut *fresh);
        !lost.is_empty()
    });
    assert_eq!(lost.len(), log.partitions(Topic::Audit) as usize);
}

/// One strange partition refuses the whole request.
pub async fn commits_of_partitions_not_owned_are_refused(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut consumer = consumer_of_all(&*log, "strange");
    let strange = Partition {
        topic: Topic::Recordings,
        partition: 0,
    };
    let refused = consumer.commit(&[commit_of(audit(0), 1, ""), commit_of(strange, 1, "")]);
    assert!(matches!(refused, Err(ConsumerError::Fenced(_))), "{refused:?}");
    assert_eq!(committed(&mut *consumer, audit(0)), None);
}

/// Each has its own commits, and all partitions.
pub async fn groups_do_not_know_of_each_other(fixture: &mut dyn Fixture) {
    let log = fixture.log();
    let mut one = consumer_of_all(&*log, "one");
    let mut two = consumer_of_all(&*log, "two");
    one.commit(&[commit_of(audit(0), 1, "one")])
        .expect("the commit is answered");
    assert_eq!(committed(&mut *two, audit(0)), None);
    assert!(poll(&mut *one).is_empty(), "nothing was taken from it");
}
