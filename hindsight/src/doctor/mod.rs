//! The checks of `hindsight doctor`. Each looks at one thing and never fails as a program: what goes wrong is its
//! finding, with a remedy that a person can type.

mod engine;
mod folder;
mod machine;
mod network;
mod pace;
mod real;

use serde::Serialize;

use crate::settings::Settings;
use crate::settings::engines::ClickHouseKind;

/// How a thing is. The order is that of the exit codes: 0, 1, 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// It will not work.
    Fail,
}

impl Status {
    /// As it is printed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        }
    }
}

/// What one check found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) status: Status,
    pub(crate) found: String,
    pub(crate) remedy: String,
}

impl Finding {
    pub(crate) fn new(check: &'static str, status: Status, found: impl Into<String>) -> Self {
        Self {
            check,
            status,
            found: found.into(),
            remedy: String::new(),
        }
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// Runs all checks.
pub(crate) fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![
        Finding::new("configuration", Status::Ok, "every key is known"),
        machine::file_descriptors(),
        machine::clock(),
    ];
    let clickhouse = &settings.clickhouse;
    let embeds_clickhouse = clickhouse.kind == ClickHouseKind::Embedded;
    if embeds_clickhouse {
        findings.extend([machine::processor(), machine::libc()]);
    }
    findings.push(machine::memory(if embeds_clickhouse {
        clickhouse.embedded.memory_bytes
    } else {
        0
    }));
    findings.extend(folder(settings));
    findings.push(pace::small_ranges(settings.log.partitions));
    if embeds_clickhouse {
        findings.extend(engine::examine(&clickhouse.embedded.libchdb));
    }
    findings.extend(real::examine(settings));
    findings
}

/// The data folder and the addresses; a server that runs on the one has the others.
fn folder(settings: &Settings) -> Vec<Finding> {
    let server = &settings.server;
    let mut findings = folder::examine(&server.data_dir);
    let in_use = findings
        .iter()
        .any(|finding| finding.check == folder::OWNER && finding.status != Status::Ok);
    let addresses = [
        ("server.listen", &server.listen),
        ("server.clickhouse_listen", &server.clickhouse_listen),
        ("server.ops_listen", &server.ops_listen),
    ];
    let given = addresses.iter().filter(|(_, address)| !address.is_empty());
    findings.extend(given.map(|(setting, address)| network::address(setting, address, in_use)));
    findings
}
