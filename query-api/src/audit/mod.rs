//! Audit: the list with the whole query language, one event, and the moment of a replay that shows it.

pub(crate) mod list;
mod moment;
pub(crate) mod one;
mod view;

pub(crate) use moment::with_moments;
pub(crate) use view::AuditView;
