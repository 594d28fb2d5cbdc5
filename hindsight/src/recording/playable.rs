//! Whether a recording can be played, and why not: what the rrweb player needs, checked without a browser.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{FULL_SNAPSHOT, INCREMENTAL, KeptEvent, META, Tab};

/// Times below this are seconds, or no Unix time at all (1973 in milliseconds).
const LEAST_PLAUSIBLE_MS: i64 = 100_000_000_000;

#[derive(Deserialize)]
struct MetaData {
    width: Option<f64>,
    height: Option<f64>,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(borrow)]
    node: Option<&'a RawValue>,
    #[serde(borrow)]
    wireframes: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Holder<T> {
    data: T,
}

/// What was found out about a tab.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Why it can't be played; empty when it can.
    pub(crate) faults: Vec<String>,
    /// What is odd but plays.
    pub(crate) remarks: Vec<String>,
}

/// Judges a tab.
pub(crate) fn judge(tab: &Tab) -> Verdict {
    let mut verdict = Verdict::default();
    let events = &tab.events;
    if events.len() < 2 {
        verdict
            .faults
            .push(format!("{} event(s): the player needs at least 2", events.len()));
        return verdict;
    }
    match events.iter().position(|event| event.kind == FULL_SNAPSHOT) {
        None => verdict
            .faults
            .push("no FullSnapshot: there is no page to start from".into()),
        Some(first) => judge_keyframe(events, first, &mut verdict),
    }
    if events[0].at_ms < LEAST_PLAUSIBLE_MS {
        verdict.remarks.push(format!(
            "first time {} is no Unix time in milliseconds",
            events[0].at_ms
        ));
    }
    let steps_back = events
        .windows(2)
        .filter(|pair| pair[1].at_ms < pair[0].at_ms)
        .count();
    if steps_back > 0 {
        verdict
            .remarks
            .push(format!("the clock steps back {steps_back} time(s)"));
    }
    verdict
}

fn judge_keyframe(events: &[KeptEvent], first: usize, verdict: &mut Verdict) {
    match events[..first].iter().rev().find(|event| event.kind == META) {
        None => verdict
            .faults
            .push("no Meta before the first FullSnapshot: the size of the page is unknown".into()),
        Some(meta) => {
            let data = serde_json::from_str::<Holder<MetaData>>(meta.text.get()).map(|meta| meta.data);
            let sized = data.is_ok_and(|data| {
                data.width.is_some_and(|width| width > 0.0) && data.height.is_some_and(|height| height > 0.0)
            });
            if !sized {
                verdict
                    .faults
                    .push("Meta has no width and height: the page can't be laid out".into());
            }
        }
    }
    match serde_json::from_str::<Holder<Snapshot<'_>>>(events[first].text.get()) {
        Ok(Holder {
            data: Snapshot { node: Some(_), .. },
        }) => {}
        Ok(Holder {
            data: Snapshot {
                wireframes: Some(_), ..
            },
        }) => {
            verdict
                .faults
                .push("a mobile recording of wireframes, which the rrweb player can't show".into());
        }
        _ => verdict.faults.push("the first FullSnapshot holds no page".into()),
    }
    let early = events[..first]
        .iter()
        .filter(|event| event.kind == INCREMENTAL)
        .count();
    if early > 0 {
        verdict.remarks.push(format!(
            "{early} change(s) before the first FullSnapshot are lost"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording;

    const META: &str = r#"{"type":4,"data":{"href":"","width":9,"height":9},"timestamp":1700000000000}"#;
    const FULL: &str = r#"{"type":2,"data":{"node":{}},"timestamp":1700000000001}"#;

    fn check(lines: &[&str], fault: &str) {
        let tabs = recording::tabs(lines.join("\n").as_bytes()).unwrap();
        let verdict = judge(&tabs[0]);
        if fault.is_empty() {
            assert_eq!(verdict, Verdict::default());
        } else {
            assert!(
                verdict.faults.iter().any(|found| found.contains(fault)),
                "{verdict:?}"
            );
        }
    }

    #[test]
    fn each_fault_has_its_words() {
        check(&[META, FULL], "");
        check(&[META], "at least 2");
        check(&[META, META], "no FullSnapshot");
        check(&[FULL, META], "no Meta before");
        check(
            &[r#"{"type":4,"data":{},"timestamp":1700000000000}"#, FULL],
            "no width",
        );
        check(
            &[META, r#"{"type":2,"data":{},"timestamp":1700000000001}"#],
            "holds no page",
        );
        check(
            &[
                META,
                r#"{"type":2,"data":{"wireframes":[]},"timestamp":1700000000001}"#,
            ],
            "mobile",
        );
    }
}
