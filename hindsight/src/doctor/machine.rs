//! The machine: processor, C library, limits, memory, clock.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit};

use super::{Finding, Status};

/// Open files of a process with 8 partitions, tantivy's segments and a hundred clients, with room to spare.
const LEAST_DESCRIPTORS: u64 = 4096;
/// What everything but the ClickHouse child may take, and the operating system's share.
const OWN_MEMORY_BYTES: u64 = 1 << 30;
/// The newest symbol version that libchdb asks for.
const LEAST_GLIBC: (u32, u32) = (2, 4);

pub(super) fn processor() -> Finding {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if flags.split_ascii_whitespace().any(|flag| flag == "avx2") {
        Finding::new("processor", Status::Ok, "has AVX2")
    } else {
        Finding::new(
            "processor",
            Status::Fail,
            "has no AVX2, which the embedded ClickHouse is built for",
        )
        .remedy("use a machine of 2013 or later, or give the virtual machine the host's processor type")
    }
}

pub(super) fn libc() -> Finding {
    let found = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let text = found
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
        .unwrap_or_default();
    let version = text.strip_prefix("glibc ").and_then(|version| {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    match version {
        Some(version) if version >= LEAST_GLIBC => Finding::new("C library", Status::Ok, text),
        _ => Finding::new(
            "C library",
            Status::Fail,
            if text.is_empty() { "no glibc".into() } else { text },
        )
        .remedy("libchdb needs glibc: use Debian, Ubuntu, Fedora or alike, not musl"),
    }
}

pub(super) fn file_descriptors() -> Finding {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let found = format!("{current} open files allowed");
    if current >= LEAST_DESCRIPTORS {
        return Finding::new("open files", Status::Ok, found);
    }
    Finding::new("open files", Status::Warn, found).remedy(format!(
        "`ulimit -n {LEAST_DESCRIPTORS}` before starting (LimitNOFILE= in a systemd unit)"
    ))
}

pub(super) fn memory(child_bytes: u64) -> Finding {
    let about = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = about
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        * 1024;
    let needed = child_bytes + OWN_MEMORY_BYTES;
    let found = format!(
        "{} MiB available, up to {} MiB may be used",
        available >> 20,
        needed >> 20
    );
    if available >= needed {
        return Finding::new("memory", Status::Ok, found);
    }
    Finding::new("memory", Status::Warn, found)
        .remedy("free memory, or lower clickhouse.memory_bytes (large queries then fail sooner)")
}

/// A clock that is behind the program's own file can't be right; ids and retention hang on it.
pub(super) fn clock() -> Finding {
    let now = SystemTime::now();
    let built = std::env::current_exe()
        .and_then(fs::metadata)
        .and_then(|about| about.modified());
    match built {
        Ok(built) if built > now => {
            Finding::new("clock", Status::Fail, "is behind the time this program was built")
                .remedy("set the clock and keep it set by NTP (timedatectl set-ntp true)")
        }
        _ => Finding::new("clock", Status::Ok, jiff::Timestamp::now().to_string()),
    }
}
