//! What a process has used, by `/proc`; children and signals.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal};
use rustix::time::{ClockId, clock_gettime};

/// Kernel clock ticks a second, fixed on Linux for what `/proc` says.
const TICKS_PER_S: u64 = 100;

/// A process by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process(pub u32);

/// Memory of a process, bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Proportional share of what it has mapped.
    pub pss: u64,
    /// Resident.
    pub rss: u64,
    /// Resident and its own: what the process itself asked for, without files that it maps.
    pub anonymous: u64,
    /// Most that was ever resident.
    pub peak_rss: u64,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// Has all its threads run on these cores alone (`0`, `1-3`), and what they start afterwards.
    pub fn pin(self, cores: &str) -> anyhow::Result<()> {
        let mut taskset = Command::new("taskset");
        taskset.args(["--all-tasks", "--cpu-list", "--pid", cores, &self.0.to_string()]);
        let output = taskset.output().context("taskset (util-linux) is needed")?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// User and system time of all its threads.
    pub fn cpu(self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        // The name in parentheses may hold spaces.
        let (_, fields) = stat.rsplit_once(") ").context("stat has no name")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<_, _>>()?;
        Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
    }

    /// What it holds now.
    pub fn memory(self) -> anyhow::Result<Memory> {
        let rollup = self.read("smaps_rollup")?;
        let status = self.read("status")?;
        Ok(Memory {
            pss: kib(&rollup, "Pss:"),
            rss: kib(&rollup, "Rss:"),
            anonymous: kib(&rollup, "Anonymous:"),
            peak_rss: kib(&status, "VmHWM:"),
        })
    }

    /// Its first child, whichever thread made it.
    pub fn child(self) -> Option<Process> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.0)).ok()?;
        let children: String = threads
            .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
            .collect();
        children
            .split_ascii_whitespace()
            .next()?
            .parse()
            .ok()
            .map(Process)
    }

    /// Sends a signal.
    pub fn signal(self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        Ok(rustix::process::kill_process(
            pid.context("no process number")?,
            signal,
        )?)
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        std::fs::read_to_string(&path).with_context(|| format!("{path} can't be read"))
    }
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

/// CPU time of this thread.
pub fn thread_cpu() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

/// CPU time of all threads of this process, to the nanosecond.
pub fn process_cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
