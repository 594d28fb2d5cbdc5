//! Real brokers for these tests: started once for the whole run, on ports of their own, ended with the process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use hindsight_engines::log::kafka::{Sasl, Settings, Tls};
use tokio::sync::{Mutex, MutexGuard};

/// A broker that runs until the tests end: `infra/dev/hold` ends it when the pipe to it closes.
pub(super) struct Broker {
    pub(super) brokers: String,
    secure_brokers: String,
    ca_file: PathBuf,
    folder: PathBuf,
    /// Taken by tests that kill it.
    alone: Mutex<()>,
    _held: (Child, ChildStdin),
}

/// The broker of the tests that leave it alone.
pub(super) fn steady() -> &'static Broker {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER.get_or_init(start)
}

/// A broker of the tests that kill it. There are two, each for one test at a time: these tests are long and mostly wait.
pub(super) async fn mortal() -> (&'static Broker, MutexGuard<'static, ()>) {
    static BROKERS: [OnceLock<Broker>; 2] = [OnceLock::new(), OnceLock::new()];
    static TURNS: AtomicUsize = AtomicUsize::new(0);
    let turn = TURNS.fetch_add(1, Ordering::Relaxed) % BROKERS.len();
    let broker = tokio::task::spawn_blocking(move || BROKERS[turn].get_or_init(start))
        .await
        .unwrap();
    (broker, broker.alone.lock().await)
}

fn dev() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/dev")
}

fn start() -> Broker {
    let state = tempfile::Builder::new()
        .prefix("hindsight-kafka-")
        .tempdir()
        .unwrap()
        .keep();
    let mut child = Command::new(dev().join("hold"))
        .args(["--only", "kafka"])
        .arg(&state)
        // Quick to start rather than quick to run.
        .env("KAFKA_JVM", "-XX:TieredStopAtLevel=1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("infra/dev/hold can be run");
    let held = child.stdin.take().expect("it was piped");
    let lines: Vec<String> = BufReader::new(child.stdout.take().expect("it was piped"))
        .lines()
        .map_while(Result::ok)
        .take_while(|line| line != "ready")
        .collect();
    let value = |name: &str| {
        let begin = format!("export {name}=");
        let found = lines.iter().find_map(|line| line.strip_prefix(&begin));
        found
            .unwrap_or_else(|| panic!("the broker did not start; infra/dev/hold printed {lines:?}"))
            .to_owned()
    };
    Broker {
        brokers: value("KAFKA_BROKERS"),
        secure_brokers: value("KAFKA_SECURE_BROKERS"),
        ca_file: value("KAFKA_CA").into(),
        folder: state.join("kafka"),
        alone: Mutex::default(),
        _held: (child, held),
    }
}

impl Broker {
    /// Settings of a new log on this broker, whose names nobody else uses.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            brokers: self.brokers.clone(),
            prefix: format!("t{:016x}.", fastrand::u64(..)),
            replication: 1,
            min_insync: 1,
            // The machines of tests are busy.
            append_timeout: std::time::Duration::from_secs(30),
            request_timeout: std::time::Duration::from_secs(20),
            ..Settings::default()
        }
    }

    /// As [`Broker::settings`], over TLS with a password.
    pub(super) fn secure_settings(&self, mechanism: &str, password: &str) -> Settings {
        self.settings_of("hindsight", mechanism, password)
    }

    /// As [`Broker::secure_settings`], of one who has no rights but those of [`Broker::allow`].
    pub(super) fn settings_of_a_stranger(&self) -> Settings {
        self.settings_of("stranger", "PLAIN", "stranger-secret")
    }

    /// The stranger may do this to the topics of a prefix.
    pub(super) fn allow(&self, prefix: &str, operation: &str) {
        self.node("allow", &[prefix, "--operation", operation]);
    }

    fn settings_of(&self, username: &str, mechanism: &str, password: &str) -> Settings {
        Settings {
            brokers: self.secure_brokers.clone(),
            tls: Some(Tls {
                ca_file: Some(self.ca_file.clone()),
                ..Tls::default()
            }),
            sasl: Some(Sasl {
                mechanism: mechanism.into(),
                username: username.into(),
                password: password.into(),
            }),
            ..self.settings()
        }
    }

    /// `kill -9`.
    pub(super) fn kill(&self) {
        self.node("kill", &[]);
    }

    /// Starts it again over what it left, and waits until it answers.
    pub(super) fn revive(&self) {
        self.node("start", &[]);
    }

    fn node(&self, what: &str, more: &[&str]) {
        let mut command = Command::new(dev().join("kafka-node"));
        let command = command.arg(what).arg(&self.folder).arg("1").args(more);
        let status = command.status().unwrap();
        assert!(status.success(), "kafka-node {what}");
    }
}
