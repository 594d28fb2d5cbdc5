//! What happens to a session when no more comes: it is closed, its frames become one object, its facts one row; and
//! in the end what it was made from, and the session itself, is removed.
//!
//! Closing is a proposal that may be wrong: a late batch reopens the session, and the next close makes the next
//! session generation. **Invariant:** everything here is named by (session, generation) and may be repeated.

mod candidates;
mod close;
mod closer;
mod disks;
pub(crate) mod facts;
mod ownership;
pub mod removal;
mod watermark;

pub use closer::{Closer, CloserOptions};
pub use disks::watch_disks;
pub use ownership::{Held, Ownership};
pub use watermark::{LookError, WatchedView, Watermarks};
