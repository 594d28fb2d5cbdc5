//! The data folder: can it be written, how fast is a sync, is there room, does another process own it?

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::statvfs;

use super::{Finding, Status};
use crate::data_folder;

/// The check that says whether a server is running on the folder.
pub(super) const OWNER: &str = "owner";
/// Syncs that are measured; the median is told.
const SYNCS: usize = 20;
/// Above this, answers to writers take noticeably long: each waits for one sync.
const SLOW_SYNC: Duration = Duration::from_millis(50);
const LOW_SPACE_BYTES: u64 = 5 << 30;
const NO_SPACE_BYTES: u64 = 512 << 20;

pub(super) fn examine(folder: &Path) -> Vec<Finding> {
    let place = nearest_existing(folder);
    let mut findings = vec![owner(folder), space(&place)];
    findings.extend(disk(&place));
    findings.extend(times(folder));
    findings
}

/// The folder itself or, before the first start, the one in which it will be made.
fn nearest_existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    absolute
        .ancestors()
        .find(|ancestor| ancestor.is_dir())
        .unwrap_or(Path::new("/"))
        .to_path_buf()
}

fn owner(folder: &Path) -> Finding {
    let Some(holder) = data_folder::holder(folder) else {
        return Finding::new(
            OWNER,
            Status::Ok,
            format!("{}: no process uses it", folder.display()),
        );
    };
    Finding::new(
        OWNER,
        Status::Warn,
        format!("{}: process {holder} is running on it", folder.display()),
    )
    .remedy("if that is your server, all is well; a second one needs another --data-dir")
}

fn space(place: &Path) -> Finding {
    let Ok(about) = statvfs(place) else {
        return Finding::new("free space", Status::Warn, "can't be told");
    };
    let free = about.f_bavail * about.f_frsize;
    let found = format!("{} MiB", free >> 20);
    let status = match free {
        free if free < NO_SPACE_BYTES => Status::Fail,
        free if free < LOW_SPACE_BYTES => Status::Warn,
        _ => return Finding::new("free space", Status::Ok, found),
    };
    Finding::new("free space", status, found)
        .remedy("free space, choose another --data-dir, or lower log.retention_bytes; writers get 503 when it is full")
}

fn disk(place: &Path) -> Vec<Finding> {
    match median_sync(place) {
        Err(error) => vec![
            Finding::new("writable", Status::Fail, format!("{}: {error}", place.display())).remedy(format!(
                "chown or chmod {}, or choose another --data-dir",
                place.display()
            )),
        ],
        Ok(median) => {
            let found = format!(
                "{:.1} ms (median of {SYNCS} of 4 KiB)",
                median.as_secs_f64() * 1000.0
            );
            let sync = if median < SLOW_SYNC {
                Finding::new("sync", Status::Ok, found)
            } else {
                Finding::new("sync", Status::Warn, found).remedy(
                    "each answer waits for one sync: use a local SSD rather than a network or spinning disk",
                )
            };
            vec![
                Finding::new("writable", Status::Ok, place.display().to_string()),
                sync,
            ]
        }
    }
}

fn median_sync(place: &Path) -> std::io::Result<Duration> {
    let path = place.join(format!(".hindsight-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let measured = (0..SYNCS).map(|_| {
        let started = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        Ok(started.elapsed())
    });
    let measured: std::io::Result<Vec<Duration>> = measured.collect();
    fs::remove_file(&path)?;
    let mut times = measured?;
    times.sort();
    Ok(times[SYNCS / 2])
}

/// Files from the future mean that the clock was, or is, wrong.
fn times(folder: &Path) -> Option<Finding> {
    let written = fs::metadata(folder.join("credentials.json"))
        .and_then(|about| about.modified())
        .ok()?;
    (written > SystemTime::now()).then(|| {
        Finding::new(
            "clock",
            Status::Warn,
            "the last start on this folder lies in the future",
        )
        .remedy("check the clock; times of data received until it catches up will be out of order")
    })
}
