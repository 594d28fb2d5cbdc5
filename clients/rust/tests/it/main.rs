//! The client with the real edge.

mod edge;
mod real_edge;
