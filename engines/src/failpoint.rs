//! Steps at which a test lets the process die or stand still, and guards that a test takes away.
//!
//! **Invariant:** compiled in only where the crate `fail` has its feature, which the chaos suite alone asks for, and
//! deaf in a release build even then: `docs/adr/0019-failpoints.md`. Without, a step is nothing.

/// Listens to FAILPOINTS from the environment, for as long as the process lives.
pub fn listen() {
    if cfg!(debug_assertions) && fail::has_failpoints() {
        // Its drop would forget what was set.
        std::mem::forget(fail::FailScenario::setup());
    }
}

/// A step between two others: `return` lets the process die here, `sleep(ms)` stand still.
pub fn step(name: &'static str) {
    let _ = name;
    fail::fail_point!(name, |_| std::process::abort());
}

/// Whether something was taken away by this name.
pub fn is_set(name: &'static str) -> bool {
    let _ = name;
    fail::fail_point!(name, |_| true);
    false
}
