//! libchdb: is it there, is it the one that was tested, does it load and answer?

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use hindsight_engines::analytics::chdb::{Supervisor, SupervisorOptions};
use hindsight_engines::analytics::{Analytics, HttpAnalytics, HttpOptions};
use sha2::{Digest, Sha256};

use super::{Finding, Status};
use crate::libchdb;

/// From a cold disk the library's 566 MB take a while.
const START_WITHIN: Duration = Duration::from_secs(60);
const CHILD_MEMORY_BYTES: u64 = 512 << 20;

pub(super) fn examine(named: &Path) -> Vec<Finding> {
    let named = (!named.as_os_str().is_empty()).then_some(named);
    let library = match libchdb::find(named) {
        Ok(library) => library,
        Err(missing) => {
            return vec![
                Finding::new("libchdb", Status::Fail, missing.to_string())
                    .remedy(format!("`make libchdb` fetches {}", libchdb::PACKAGE)),
            ];
        }
    };
    vec![identity(&library), answers(&library)]
}

fn identity(library: &Path) -> Finding {
    match sha256(library) {
        Err(error) => Finding::new("libchdb", Status::Fail, format!("{}: {error}", library.display()))
            .remedy("make it readable, or fetch it again by `make libchdb`"),
        Ok(found) if found == libchdb::SHA256 => Finding::new(
            "libchdb",
            Status::Ok,
            format!("{} is {}", library.display(), libchdb::PACKAGE),
        ),
        Ok(found) => Finding::new(
            "libchdb",
            Status::Warn,
            format!("{} has SHA-256 {found}", library.display()),
        )
        .remedy(format!(
            "Hindsight was tested with {}: `make libchdb` fetches it",
            libchdb::PACKAGE
        )),
    }
}

/// Starts it as `up` does, in a child process on an empty folder, and asks it something.
fn answers(library: &Path) -> Finding {
    let folder = std::env::temp_dir().join(format!("hindsight-doctor-{}", std::process::id()));
    let started = Instant::now();
    let outcome = tokio::runtime::Runtime::new()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                let command = libchdb::child_command(library, &folder, CHILD_MEMORY_BYTES)?;
                let options = SupervisorOptions {
                    start_limit: START_WITHIN,
                    ..SupervisorOptions::new(command)
                };
                let child = Supervisor::start(options).await?;
                let answer = HttpAnalytics::new(child.endpoint(), HttpOptions::default())
                    .ping()
                    .await;
                child.stop().await;
                Ok(answer?)
            })
        });
    // Nothing of value is in it, and a folder for temporary files is cleared anyway.
    let _ = fs::remove_dir_all(&folder);
    match outcome {
        Ok(()) => {
            let found = format!(
                "starts, answers and stops in {:.1} s",
                started.elapsed().as_secs_f64()
            );
            Finding::new("clickhouse", Status::Ok, found)
        }
        Err(error) => Finding::new("clickhouse", Status::Fail, format!("{error:#}"))
            .remedy("see processor, C library and memory above; fetch the library again by `make libchdb`"),
    }
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
