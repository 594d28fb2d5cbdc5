//! The coordinator of groups, in this process: members, leases, who owns what. It has no clock, no thread and no
//! I/O; each member's poll drives it.
//!
//! **Invariant:** a partition has one owner at a time. A partition that moves is first revoked from its owner,
//! is given away at that owner's next poll (or when its lease has run out) and only then assigned.
//! A member whose lease ran out gets a new number when it polls again, so nothing that it still does under the
//! old one counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hindsight_schemas::ids::{Partition, Topic};

use super::assignment::{MemberId, assign};

/// All groups.
#[derive(Debug)]
pub(super) struct Coordinator {
    partitions: Vec<Partition>,
    session_timeout: Duration,
    groups: BTreeMap<String, Group>,
    next_member: MemberId,
}

#[derive(Debug, Default)]
struct Group {
    generation: u64,
    members: BTreeMap<MemberId, Member>,
    owners: BTreeMap<Partition, Owner>,
    target: BTreeMap<Partition, MemberId>,
}

#[derive(Debug)]
struct Member {
    topics: BTreeSet<Topic>,
    seen: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    member: MemberId,
    /// Told that it is going to lose the partition.
    told: bool,
}

/// What a poll tells a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The lease ran out, or the member left: everything it had is gone.
    Unknown,
    /// What changed since the last poll.
    Member {
        /// To be given away at the next poll.
        revoked: Vec<Partition>,
        /// Ours from now on.
        assigned: Vec<Partition>,
        /// Others may take something now.
        freed: bool,
    },
}

impl Coordinator {
    pub(super) fn new(partitions: Vec<Partition>, session_timeout: Duration) -> Self {
        Self {
            partitions,
            session_timeout,
            groups: BTreeMap::new(),
            next_member: 0,
        }
    }

    /// Adds a member to a group.
    pub(super) fn join(&mut self, group: &str, topics: &[Topic], now: Duration) -> MemberId {
        let id = self.next_member;
        self.next_member += 1;
        let member = Member {
            topics: topics.iter().copied().collect(),
            seen: now,
        };
        let group = self.groups.entry(group.to_owned()).or_default();
        group.members.insert(id, member);
        group.rebalance(&self.partitions);
        id
    }

    /// Removes a member; what it had is free at once.
    pub(super) fn leave(&mut self, group: &str, member: MemberId) {
        if let Some(group) = self.groups.get_mut(group) {
            group.remove(member);
            group.rebalance(&self.partitions);
        }
    }

    /// One poll of a member.
    pub(super) fn turn(&mut self, group: &str, member: MemberId, now: Duration) -> Turn {
        let Some(group) = self.groups.get_mut(group) else {
            return Turn::Unknown;
        };
        let owned = group.owners.len();
        group.expire(now, self.session_timeout, &self.partitions);
        let Some(present) = group.members.get_mut(&member) else {
            return Turn::Unknown;
        };
        present.seen = now;
        group
            .owners
            .retain(|_, owner| !(owner.member == member && owner.told));
        let freed = group.owners.len() < owned;
        Turn::Member {
            revoked: group.revoke(member),
            assigned: group.take(member),
            freed,
        }
    }

    /// The member is alive: it waits in a poll, or a poll of it ends now.
    pub(super) fn touch(&mut self, group: &str, member: MemberId, now: Duration) {
        let member = self
            .groups
            .get_mut(group)
            .and_then(|group| group.members.get_mut(&member));
        if let Some(member) = member {
            member.seen = now;
        }
    }

    /// Whether this member may commit this partition.
    pub(super) fn owns(&self, group: &str, member: MemberId, partition: Partition) -> bool {
        let owner = self
            .groups
            .get(group)
            .and_then(|group| group.owners.get(&partition));
        owner.is_some_and(|owner| owner.member == member)
    }

    /// How many members hold a lease.
    pub(super) fn members(&self, group: &str, now: Duration) -> usize {
        let members = self.groups.get(group).map(|group| group.members.values());
        let live = |member: &&Member| now <= member.seen + self.session_timeout;
        members.map_or(0, |members| members.filter(live).count())
    }

    /// How often this group's members or owners were dealt anew.
    pub(super) fn generation(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |group| group.generation)
    }
}

impl Group {
    fn expire(&mut self, now: Duration, session_timeout: Duration, partitions: &[Partition]) {
        let expired: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| now > member.seen + session_timeout)
            .map(|(id, _)| *id)
            .collect();
        if expired.is_empty() {
            return;
        }
        expired.into_iter().for_each(|member| self.remove(member));
        self.rebalance(partitions);
    }

    fn remove(&mut self, member: MemberId) {
        self.members.remove(&member);
        self.owners.retain(|_, owner| owner.member != member);
    }

    fn rebalance(&mut self, partitions: &[Partition]) {
        self.generation += 1;
        let members = self
            .members
            .iter()
            .map(|(id, member)| (*id, member.topics.clone()))
            .collect();
        let present = self
            .owners
            .iter()
            .map(|(partition, owner)| (*partition, owner.member))
            .collect();
        self.target = assign(partitions, &members, &present);
    }

    fn revoke(&mut self, member: MemberId) -> Vec<Partition> {
        let target = &self.target;
        let mine = self.owners.iter_mut().filter(|(_, owner)| owner.member == member);
        mine.filter(|(partition, _)| target.get(partition) != Some(&member))
            .map(|(partition, owner)| {
                owner.told = true;
                *partition
            })
            .collect()
    }

    fn take(&mut self, member: MemberId) -> Vec<Partition> {
        let free = self
            .target
            .iter()
            .filter(|(partition, target)| **target == member && !self.owners.contains_key(partition));
        let taken: Vec<_> = free.map(|(partition, _)| *partition).collect();
        self.owners.extend(
            taken
                .iter()
                .map(|partition| (*partition, Owner { member, told: false })),
        );
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn partitions() -> Vec<Partition> {
        (0..4)
            .map(|partition| Partition {
                topic: Topic::Audit,
                partition,
            })
            .collect()
    }

    fn turn(groups: &mut Coordinator, member: MemberId, seconds: u64) -> (usize, usize) {
        match groups.turn("g", member, Duration::from_secs(seconds)) {
            Turn::Member {
                revoked, assigned, ..
            } => (revoked.len(), assigned.len()),
            Turn::Unknown => panic!("member {member} is unknown at {seconds} s"),
        }
    }

    #[test]
    fn a_partition_moves_only_after_its_owner_polled_twice() {
        let mut groups = Coordinator::new(partitions(), LEASE);
        let first = groups.join("g", &[Topic::Audit], Duration::ZERO);
        assert_eq!(turn(&mut groups, first, 0), (0, 4));
        let second = groups.join("g", &[Topic::Audit], Duration::ZERO);
        assert_eq!(turn(&mut groups, second, 1), (0, 0));
        assert_eq!(turn(&mut groups, first, 2), (2, 0));
        assert_eq!(turn(&mut groups, second, 3), (0, 0));
        assert_eq!(
            partitions()
                .iter()
                .filter(|p| groups.owns("g", first, **p))
                .count(),
            4
        );
        assert_eq!(turn(&mut groups, first, 4), (0, 0));
        assert_eq!(turn(&mut groups, second, 5), (0, 2));
        assert_eq!(
            partitions()
                .iter()
                .filter(|p| groups.owns("g", first, **p))
                .count(),
            2
        );
    }

    #[test]
    fn a_lease_lasts_to_its_last_moment_and_no_longer() {
        let mut groups = Coordinator::new(partitions(), LEASE);
        let first = groups.join("g", &[Topic::Audit], Duration::ZERO);
        let second = groups.join("g", &[Topic::Audit], Duration::ZERO);
        assert_eq!(turn(&mut groups, first, 0), (0, 2));
        assert_eq!(turn(&mut groups, second, 30), (0, 2));
        assert_eq!(turn(&mut groups, second, 31), (0, 2));
        assert_eq!(groups.turn("g", first, Duration::from_secs(31)), Turn::Unknown);
        assert!(
            partitions()
                .iter()
                .all(|partition| groups.owns("g", second, *partition))
        );
    }
}
