//! The checks of `hindsight doctor`. Each looks at one thing and never fails as a program: what goes wrong is its
//! finding, with a remedy that a person can type.

mod engine;
mod folder;
mod machine;
mod network;
mod pace;

use serde::Serialize;

use crate::settings::Settings;

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
    let server = &settings.server;
    let mut findings = vec![
        Finding::new("configuration", Status::Ok, "every key is known"),
        machine::processor(),
        machine::libc(),
        machine::file_descriptors(),
        machine::memory(settings.clickhouse.memory_bytes),
        machine::clock(),
    ];
    findings.extend(folder::examine(&server.data_dir));
    let in_use = findings
        .iter()
        .any(|finding| finding.check == folder::OWNER && finding.status != Status::Ok);
    findings.push(network::address("server.listen", &server.listen, in_use));
    findings.push(network::address(
        "server.clickhouse_listen",
        &server.clickhouse_listen,
        in_use,
    ));
    if !server.ops_listen.is_empty() {
        findings.push(network::address("server.ops_listen", &server.ops_listen, in_use));
    }
    findings.push(pace::small_ranges(settings.log.partitions));
    findings.extend(engine::examine(&settings.clickhouse.libchdb));
    findings
}
