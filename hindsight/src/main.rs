//! The one binary of Hindsight: parses the command line, runs one subcommand, turns its end into an exit code.
//!
//! **Architecture invariant:** nothing is decided here; each subcommand is a file under `commands/`.

mod commands;
mod credentials;
mod data_folder;
mod demo;
mod doctor;
mod engines;
mod failure;
mod import;
mod libchdb;
mod logging;
mod observe;
mod operate;
mod recording;
mod roles;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hindsight_engines::failpoint::listen();
    let cli = Cli::parse();
    match cli.run() {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
