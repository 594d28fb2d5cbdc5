//! `/metrics` of a server that has worked, against `docs/metrics.md`, both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hindsight_chaos::load::Writer;

use crate::server::{Server, command, start};

const VIEWS: [(&str, &str); 5] = [
    ("analytics", "hindsight.recordings"),
    ("analytics", "hindsight.audit"),
    ("search", "hindsight.recordings"),
    ("search", "hindsight.audit"),
    ("replay", "hindsight.recordings"),
];
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// A metric as the document has it.
#[derive(Debug, PartialEq, Eq)]
struct Documented {
    kind: String,
    labels: BTreeSet<String>,
    there: String,
}

fn documented() -> BTreeMap<String, Documented> {
    let text = include_str!("../../../docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `hindsight_"));
    let row = |line: &str| {
        let cells: Vec<_> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect();
        let labels = cells[2]
            .split(", ")
            .filter(|label| !label.is_empty())
            .map(str::to_owned);
        let metric = Documented {
            kind: cells[1].clone(),
            labels: labels.collect(),
            there: cells[3].clone(),
        };
        (cells[0].clone(), metric)
    };
    rows.map(row).collect()
}

/// What the text shows: each metric's kind, and the names of its labels.
fn shown(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut shown = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
            shown.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') && !line.is_empty() {
            let (name, labels) = sample(line);
            let of = |end| {
                name.strip_suffix(end)
                    .and_then(|name| shown.contains_key(name).then_some(name))
            };
            let name = ["_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(of)
                .unwrap_or(name)
                .to_owned();
            shown
                .get_mut(&name)
                .expect("its type was said before")
                .1
                .extend(labels);
        }
    }
    shown
}

fn sample(line: &str) -> (&str, Vec<String>) {
    let Some((name, rest)) = line.split_once('{') else {
        return (line.split(' ').next().unwrap_or_default(), vec![]);
    };
    // Values hold no quotes: routes, names and numbers.
    let labels = rest
        .split('"')
        .step_by(2)
        .map(|part| part.trim_matches([',', '=', '}', ' ']));
    let is_label =
        |part: &&str| part.starts_with(|letter: char| letter.is_ascii_alphabetic()) && *part != "le";
    (name, labels.filter(is_label).map(str::to_owned).collect())
}

/// The value of a series in the text of `/metrics`.
pub(crate) fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

async fn until_done(server: &Server, sent: f64) -> String {
    let started = Instant::now();
    loop {
        let text = server.get("/metrics").await.unwrap();
        let done = |(view, topic): &(&str, &str)| {
            let series = format!(r#"hindsight_lane_records_total{{materializer="{view}",topic="{topic}"}}"#);
            value(&text, &series) == Some(sent)
        };
        if VIEWS.iter().all(done) && text.contains("hindsight_open_sessions 1\n") {
            return text;
        }
        assert!(started.elapsed() < DONE_WITHIN, "not in all views:\n{text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_as_documented() {
    const SENT: u32 = 3;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = start(command(&[], &data), &data).await;
    let mut writer = Writer::new(1, 11);
    for _ in 0..SENT {
        assert!(writer.send_both(&server.url, &server.write_key).await);
    }
    reqwest::Client::new()
        .post(format!("{}/v1/audit", server.url))
        .send()
        .await
        .unwrap();
    server.get("/v1/sessions?limit=x").await.unwrap_err();
    server.get("/v1/sessions").await.unwrap();

    let text = until_done(&server, f64::from(SENT)).await;
    let (documented, shown) = (documented(), shown(&text));
    for (name, (kind, labels)) in &shown {
        let known = documented
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in docs/metrics.md"));
        assert_eq!((kind, labels), (&known.kind, &known.labels), "{name}");
    }
    for (name, known) in &documented {
        let expected = matches!(known.there.as_str(), "always" | "embedded");
        assert!(
            !expected || shown.contains_key(name),
            "{name} is documented and not shown:\n{text}"
        );
    }
    for (series, expected) in [
        (
            r#"hindsight_edge_audit_outcomes_total{project="demo",outcome="success"}"#,
            3.0,
        ),
        (
            r#"hindsight_edge_requests_total{route="/v1/audit",status="401"}"#,
            1.0,
        ),
        (
            r#"hindsight_api_requests_total{route="/v1/sessions",status="400"}"#,
            1.0,
        ),
        (r#"hindsight_refused_total{reason="unknown_key"}"#, 1.0),
        (r#"hindsight_pending_ranges{materializer="replay"}"#, 0.0),
        (r#"hindsight_part_ready{part="clickhouse"}"#, 1.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series}\n{text}");
    }
    for place in ["data", "clickhouse default"] {
        let bytes = |of| {
            value(
                &text,
                &format!(r#"hindsight_storage_{of}_bytes{{place="{place}"}}"#),
            )
            .unwrap()
        };
        assert!(bytes("free") > 0.0 && bytes("free") <= bytes("total"), "{place}");
    }
}
