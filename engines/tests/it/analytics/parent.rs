//! The child never outlives its parent, and the parent never falls with the child.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use hindsight_engines::analytics::chdb::{ChildCommand, PASSWORD_VARIABLE, Supervisor, SupervisorOptions};
use hindsight_engines::analytics::conformance::batch_row;
use hindsight_engines::analytics::{
    Analytics, Endpoint, HttpAnalytics, HttpOptions, InsertError, QueryError, blocks_of,
};

use super::child;

/// However a parent dies, the kernel closes its end of the pipe: dropping that end is the same to the child.
#[test]
fn the_child_ends_when_its_stdin_does() {
    let dir = tempfile::tempdir().unwrap();
    let SupervisorOptions {
        command: ChildCommand {
            program, arguments, ..
        },
        ..
    } = child::options(dir.path());
    let mut child = Command::new(program)
        .args(arguments)
        .args(["--listen", "127.0.0.1:0"])
        .env(PASSWORD_VARIABLE, "pw")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    assert!(ready.starts_with("{\"listen\":\"127.0.0.1:"), "{ready:?}");
    drop(child.stdin.take());
    let ended = child.wait().unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn a_program_that_is_no_child_is_told_with_its_last_words() {
    let start = async |program: &str, arguments: &[&str]| {
        let arguments = arguments.iter().map(Into::into).collect();
        let command = ChildCommand {
            program: program.into(),
            arguments,
            environment: vec![],
        };
        Supervisor::start(SupervisorOptions::new(command))
            .await
            .unwrap_err()
            .to_string()
    };
    let error = start("/bin/sh", &["-c", "echo the folder is full >&2; exit 7"]).await;
    assert_eq!(
        error,
        "clickhouse child did not start: it ended with exit status: 7; the folder is full"
    );
    assert!(start("/nowhere/clickhouse", &[]).await.contains("No such file"));
}

#[tokio::test]
async fn an_engine_that_is_away_has_written_nothing() {
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let endpoint = Endpoint {
        url: format!("http://127.0.0.1:{port}/"),
        user: "u".into(),
        password: "p".into(),
    };
    let engine = HttpAnalytics::at(endpoint, HttpOptions::default());
    assert!(matches!(engine.ping().await, Err(QueryError::Unavailable(_))));
    let block = blocks_of("db", "away", &[batch_row(0, 0)]).remove(0);
    assert!(matches!(
        engine.insert(&block).await,
        Err(InsertError::Unavailable(_))
    ));
}
