//! The embedded ClickHouse: the conformance suite, and what is its own (crashes, repair, supervision).
//!
//! One child process serves the checks that only read and write; those that kill it have one each.

mod child;
mod clients;
mod conformance;
mod crash;
mod hung;
mod parent;
