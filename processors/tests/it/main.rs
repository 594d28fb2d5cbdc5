//! Integration tests of the processors, one binary.

mod cuts;
mod runtime;
mod sim;
