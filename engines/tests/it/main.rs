//! The engines through their public seams.

mod log;
