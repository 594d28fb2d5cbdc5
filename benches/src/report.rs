//! The report: rows of figures, each beside its bound and what it should reach, as a table and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use crate::machine::Machine;

/// One figure.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured; `benches/README.md` explains it.
    pub figure: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The bound of the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// What it should reach, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// What the best thinkable way does, or the part alone.
#[derive(Debug, Serialize)]
pub struct Bound {
    /// Of what.
    pub of: String,
    /// In the unit of the row.
    pub value: f64,
    /// The figure's share of it.
    pub ratio: f64,
}

/// A report of one program's run.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    command: String,
    notes: Vec<String>,
    rows: Vec<Row>,
}

impl Report {
    /// Without figures yet.
    pub fn new() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        Self {
            machine: Machine::look(),
            command: format!("end-to-end {}", words.join(" ")),
            notes: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Says how something was measured.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        println!("{note}");
        self.notes.push(note);
    }

    /// Adds a figure.
    pub fn row(&mut self, figure: impl Into<String>, value: f64, unit: &'static str) -> &mut Row {
        let figure = figure.into();
        println!("{figure:<72} {value:>12.1} {unit}");
        self.rows.push(Row {
            figure,
            value,
            unit,
            bound: None,
            target: None,
        });
        self.rows.last_mut().expect("one was just added")
    }

    /// Writes `NAME.md` and `NAME.json`.
    pub fn write(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("{name}.md")), self.table(name))?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        Ok(std::fs::write(folder.join(format!("{name}.json")), json)?)
    }

    fn table(&self, name: &str) -> String {
        let mut text = format!("# {name}\n\n{}\n\n`{}`\n\n", self.machine.line(), self.command);
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text += "\n| figure | value | unit | bound in the same run | ratio | to reach |\n|---|---:|---|---|---:|---|\n";
        for row in &self.rows {
            let (of, ratio) = row.bound.as_ref().map_or_else(Default::default, |bound| {
                (
                    format!("{} {}", bound.of, number(bound.value)),
                    format!("{:.2}", bound.ratio),
                )
            });
            let target = row.target.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {of} | {ratio} | {target} |",
                row.figure,
                number(row.value),
                row.unit
            );
        }
        text
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl Row {
    /// Beside this bound.
    pub fn beside(&mut self, of: impl Into<String>, value: f64) -> &mut Self {
        self.bound = Some(Bound {
            of: of.into(),
            value,
            ratio: self.value / value,
        });
        self
    }

    /// To be reached.
    pub fn to_reach(&mut self, target: impl Into<String>) -> &mut Self {
        self.target = Some(target.into());
        self
    }
}

fn number(value: f64) -> String {
    if value.abs() >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}
