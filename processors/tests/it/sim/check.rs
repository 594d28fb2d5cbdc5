//! The oracle: after a schedule was drained, each accepted record is exactly once in the view, at its lowest
//! position, or in dead letters, or erased, or past its time, or counted as expired; each dead letter counted once at most.

use std::collections::BTreeMap;

use super::log::Content;
use super::sinks::{Row, expires_at};
use super::world::World;

pub(super) fn check(world: &World) -> Result<(), String> {
    if world.stopped_loudly {
        let excused = world.rewritten;
        return if excused {
            Ok(())
        } else {
            Err("a lane stopped though the log is the same".into())
        };
    }
    let held = world.sink.held();
    nothing_twice(&held)?;
    let mut winners: BTreeMap<u32, Row> = BTreeMap::new();
    for row in &held {
        nothing_foreign(world, row)?;
        let winner = winners.entry(row.identity).or_insert(*row);
        *winner = (*winner).min(*row);
    }
    letters_counted_once(world)?;
    for (number, records) in (0u32..).zip(&world.accepted) {
        for (&offset, &content) in records {
            kept(world, &winners, number, offset, content)
                .map_err(|what| format!("{number}/{offset} {content:?} {what}"))?;
        }
    }
    Ok(())
}

fn nothing_twice(held: &[Row]) -> Result<(), String> {
    let mut sorted = held.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("{:?} is stored twice", pair[0])),
        None => Ok(()),
    }
}

fn letters_counted_once(world: &World) -> Result<(), String> {
    let mut twice = world.counted.iter().filter(|(_, count)| **count > 1);
    match twice.next().filter(|_| !world.by_hand && !world.rewritten) {
        Some((letter, count)) => Err(format!("dead letter {letter:?} was counted {count} times")),
        None => Ok(()),
    }
}

fn nothing_foreign(world: &World, row: &Row) -> Result<(), String> {
    let Row {
        partition,
        offset,
        identity,
        session,
    } = *row;
    if world.sink.erased.contains(&session) {
        return Err(format!("{row:?} was erased and is there again"));
    }
    let accepted = world.accepted[partition as usize].get(&offset);
    let known = accepted == Some(&Content::Batch { identity, session })
        || world.unwritten.contains(&(partition, offset, identity));
    if known {
        Ok(())
    } else {
        Err(format!("{row:?} was never accepted"))
    }
}

fn kept(
    world: &World,
    winners: &BTreeMap<u32, Row>,
    number: u32,
    offset: u64,
    content: Content,
) -> Result<(), String> {
    let expired = world
        .expired
        .iter()
        .any(|(of, from, to)| *of == number && (*from..*to).contains(&offset));
    match content {
        Content::Poison if !expired && !world.letters.contains(&(number, offset)) => {
            Err("is in no dead letter".into())
        }
        Content::Batch { identity, .. } if expires_at(identity) <= world.now => Ok(()),
        Content::Batch { identity, session } if !expired && !world.sink.erased.contains(&session) => {
            match winners.get(&identity) {
                None => Err("is not in the view".into()),
                Some(winner) if winner.offset > offset => Err(format!("lost against {winner:?}")),
                Some(_) => Ok(()),
            }
        }
        _ => Ok(()),
    }
}
