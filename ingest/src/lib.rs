//! The HTTP edge: keys, limits, validation, masking, stamping, append, acknowledgement.

pub mod scan;
