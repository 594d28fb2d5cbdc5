//! Logs by tracing: JSON lines for machines, readable lines on a terminal; always to stderr, so that stdout
//! stays for results. Filter by `RUST_LOG` (default `info`).
//!
//! **Failure:** a line that can't be written (a full disk under a log file) is lost, and nothing else.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for this process. A second call is a mistake of the program.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,tantivy=warn,object_store=warn"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Told otherwise it says so on stderr too, and panics where that is what can't be written.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).init();
    }
}
