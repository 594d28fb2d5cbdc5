//! `hindsight doctor` over real engines: those that are fit are said to be, and one that is not is named with what to do
//! about it, beside the others.

use std::path::Path;

use hindsight_chaos::engines::{CLICKHOUSE_PASSWORD, ClickHouse, Settings};
use hindsight_chaos::installation::Installation;
use serde::Deserialize;

use crate::roles_refused::nowhere;
use crate::{hindsight, words};

/// The checks that look at an engine, in the order in which they are told.
const ENGINES: [&str; 4] = ["log", "clickhouse", "search", "segments"];
/// Something was found of which somebody should know, and nothing that must be mended first.
const WARNED: i32 = 1;
/// Something must be mended first.
const FAILED: i32 = 2;

/// What one check found, as `--json` tells it.
#[derive(Debug, Deserialize)]
struct Finding {
    check: String,
    status: String,
    found: String,
    remedy: String,
}

/// Over engines that are fit, with one copy of each record: there is one broker.
fn settings(clickhouse: &ClickHouse) -> Settings {
    let mut settings = Settings::of_engines(&format!("t{:x}", fastrand::u64(..)), &clickhouse.url);
    // Whoever runs this may have a server at the default.
    settings.text("server", "listen", "127.0.0.1:0");
    settings
}

/// Nothing fails, of the engines these things are said, and the one warning that one broker must give is given.
fn check_fit(folder: &Path, config: &Path, says: [&str; 4]) {
    let arguments = ["doctor", "--json", "--config", config.to_str().unwrap()];
    let output = hindsight(folder, &arguments);
    let told = words(&output);
    let findings: Vec<Finding> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert_eq!(output.status.code(), Some(WARNED), "{told}");
    let of = |check: &str| {
        let mut about = findings.iter().filter(|finding| finding.check == check);
        about
            .next()
            .unwrap_or_else(|| panic!("nothing about {check}: {told}"))
    };
    for (check, part) in ENGINES.into_iter().zip(says) {
        let finding = of(check);
        assert!(
            finding.status == "ok" && finding.found.contains(part),
            "{part:?} is not in {finding:?}"
        );
    }
    let copies = of("copies");
    assert!(
        copies.status == "warn" && copies.remedy.contains("log.replication = 3"),
        "{copies:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_are_fit_are_said_to_be_before_the_first_start_and_after() {
    let folder = tempfile::tempdir().unwrap().keep();
    let clickhouse = ClickHouse::start(&folder.join("clickhouse"));
    let installation = Installation::new(&folder, &mut settings(&clickhouse));
    let (indices, bucket) = (
        "its indices can be written",
        "puts, reads and conditions do as they must",
    );

    let makes = ["the first start makes", "the first start makes the tables"];
    check_fit(
        &folder,
        &installation.config,
        [makes[0], makes[1], indices, bucket],
    );
    let role = installation.start("process", "", &[]).await;
    let there = ["has all topics", "its tables are as they must be"];
    check_fit(
        &folder,
        &installation.config,
        [there[0], there[1], indices, bucket],
    );

    drop((role, clickhouse));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A change after which an engine can't be used, and what must be said of it.
struct Unfit {
    change: fn(&mut Settings),
    /// The checks that fail.
    checks: &'static [&'static str],
    /// What is wrong, and the keys to look at.
    says: &'static [&'static str],
}

const UNFIT: [Unfit; 4] = [
    Unfit {
        change: |settings| {
            settings
                .text("log", "brokers", &nowhere())
                .set("log", "append_timeout_ms", "2000");
        },
        checks: &["log"],
        says: &["did not answer", "check log.brokers"],
    },
    Unfit {
        change: |settings| {
            settings.text("clickhouse", "password", &CLICKHOUSE_PASSWORD.to_uppercase());
        },
        checks: &["clickhouse"],
        says: &["refuses user hindsight", "check clickhouse.user", "grant"],
    },
    Unfit {
        change: |settings| {
            settings.set("search", "urls", &format!("[\"http://{}\"]", nowhere()));
        },
        checks: &["search"],
        says: &["search failed", "correct search.urls"],
    },
    // The bucket says which indices are read, too.
    Unfit {
        change: |settings| {
            settings.text("segments", "bucket", "nobody-made-it");
        },
        checks: &["search", "segments"],
        says: &["bucket does not exist", "correct segments.bucket"],
    },
];

fn check_unfit(folder: &Path, mut settings: Settings, unfit: &Unfit) {
    (unfit.change)(&mut settings);
    let config = settings.write(folder);
    let output = hindsight(folder, &["doctor", "--config", config.to_str().unwrap()]);
    let told = words(&output);
    assert_eq!(output.status.code(), Some(FAILED), "{told}");
    let with = |status: &str| -> Vec<String> {
        let findings = told.lines().filter_map(|line| line.strip_prefix(status));
        let checks = findings.filter_map(|finding| finding.split_whitespace().next());
        checks.map(String::from).collect()
    };
    assert_eq!(with("FAIL "), unfit.checks, "{told}");
    let fit = with("ok ");
    for check in ENGINES.iter().filter(|check| !unfit.checks.contains(check)) {
        assert!(fit.iter().any(|found| found == check), "{check}: {told}");
    }
    for part in unfit.says {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_can_not_be_used_is_named_with_its_remedy_and_the_others_are_told_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let clickhouse = ClickHouse::start(&folder.path().join("clickhouse"));
    let fit = settings(&clickhouse);
    for unfit in &UNFIT {
        check_unfit(folder.path(), fit.clone(), unfit);
    }
}
