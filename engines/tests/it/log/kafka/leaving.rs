//! A member that ends in the midst of a rebalance.

use std::sync::mpsc::channel;

use hindsight_engines::log::Polled;
use hindsight_engines::log::conformance::Fixture as _;
use hindsight_schemas::ids::Topic;

use super::fixture::KafkaFixture;
use super::{PATIENCE, poll_until, reader};

/// Between the poll that tells a revocation and the one that gives the partitions away a process may be stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_ends_before_it_gave_partitions_away_leaves_at_once() {
    let fixture = KafkaFixture::steady().await;
    let log = fixture.log();
    let mut first = reader(&*log, "leaving");
    let mut second = log.consumer("leaving", &[Topic::Audit]).unwrap();
    poll_until(&mut *first, |item| matches!(item, Polled::Revoked(_))).unwrap();

    let (ends, ended) = channel();
    let leaving = std::thread::spawn(move || {
        drop(first);
        ends.send(()).unwrap();
    });
    ended.recv_timeout(PATIENCE).expect("it left the group");
    leaving.join().unwrap();
    poll_until(&mut *second, |item| matches!(item, Polled::Assigned(_))).unwrap();
}
