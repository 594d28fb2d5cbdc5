//! Integration tests of the processors, one binary.

mod sim;
