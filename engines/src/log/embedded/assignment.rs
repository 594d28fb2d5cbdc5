//! Who reads what: a pure function from members, their topics and the present owners to the new owners.
//!
//! **Invariants:** every partition that some member subscribes to has one owner who subscribes to it; nobody has
//! two more than somebody who could take one; among such answers few partitions move.

use std::collections::{BTreeMap, BTreeSet};

use hindsight_schemas::ids::{Partition, Topic};

/// The number of a member, never used twice.
pub(super) type MemberId = u64;

/// Spreads partitions over members.
pub(super) fn assign(
    partitions: &[Partition],
    members: &BTreeMap<MemberId, BTreeSet<Topic>>,
    present: &BTreeMap<Partition, MemberId>,
) -> BTreeMap<Partition, MemberId> {
    let mut spread = Spread {
        members,
        load: members.keys().map(|member| (*member, 0)).collect(),
        owners: BTreeMap::new(),
    };
    for (partition, owner) in present {
        if spread.reads(*owner, *partition) {
            spread.give(*partition, *owner);
        }
    }
    for partition in partitions {
        if !spread.owners.contains_key(partition)
            && let Some(member) = spread.least_loaded(*partition)
        {
            spread.give(*partition, member);
        }
    }
    spread.even_out();
    spread.owners
}

struct Spread<'a> {
    members: &'a BTreeMap<MemberId, BTreeSet<Topic>>,
    load: BTreeMap<MemberId, usize>,
    owners: BTreeMap<Partition, MemberId>,
}

impl Spread<'_> {
    fn reads(&self, member: MemberId, partition: Partition) -> bool {
        self.members
            .get(&member)
            .is_some_and(|topics| topics.contains(&partition.topic))
    }

    fn least_loaded(&self, partition: Partition) -> Option<MemberId> {
        let readers = self
            .load
            .iter()
            .filter(|(member, _)| self.reads(**member, partition));
        readers.min_by_key(|(_, load)| **load).map(|(member, _)| *member)
    }

    fn give(&mut self, partition: Partition, member: MemberId) {
        if let Some(before) = self.owners.insert(partition, member) {
            *self.load.entry(before).or_default() -= 1;
        }
        *self.load.entry(member).or_default() += 1;
    }

    /// Each move makes the sum of squares of the loads smaller, so this ends.
    fn even_out(&mut self) {
        while let Some((partition, member)) = self.better_owner() {
            self.give(partition, member);
        }
    }

    fn better_owner(&self) -> Option<(Partition, MemberId)> {
        self.owners.iter().rev().find_map(|(partition, owner)| {
            let member = self.least_loaded(*partition)?;
            (self.load[&member] + 1 < self.load[owner]).then_some((*partition, member))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions() -> Vec<Partition> {
        let of = |topic| (0..8).map(move |partition| Partition { topic, partition });
        of(Topic::Recordings).chain(of(Topic::Audit)).collect()
    }

    fn members(count: u64) -> BTreeMap<MemberId, BTreeSet<Topic>> {
        (0..count)
            .map(|member| (member, [Topic::Recordings, Topic::Audit].into()))
            .collect()
    }

    #[test]
    fn loads_differ_by_one_at_most_and_everything_is_owned() {
        let mut present = BTreeMap::new();
        for count in [1, 2, 3, 7, 20, 5, 1] {
            present = assign(&partitions(), &members(count), &present);
            assert_eq!(present.len(), 16);
            let load = |member| present.values().filter(|owner| **owner == member).count();
            let loads: Vec<_> = (0..count).map(load).collect();
            assert!(
                loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1,
                "{loads:?}"
            );
        }
    }

    #[test]
    fn a_new_member_moves_no_more_than_its_share() {
        let before = assign(&partitions(), &members(2), &BTreeMap::new());
        let after = assign(&partitions(), &members(3), &before);
        let moved = after
            .iter()
            .filter(|(partition, owner)| before[*partition] != **owner)
            .count();
        assert_eq!(moved, 5);
    }

    #[test]
    fn nobody_gets_a_topic_that_it_does_not_read() {
        let members = [(1, [Topic::Audit].into()), (2, [Topic::Recordings].into())].into();
        let owners = assign(&partitions(), &members, &BTreeMap::new());
        assert!(
            owners
                .iter()
                .all(|(partition, owner)| (partition.topic == Topic::Audit) == (*owner == 1))
        );
        assert!(assign(&partitions(), &BTreeMap::new(), &owners).is_empty());
    }
}
