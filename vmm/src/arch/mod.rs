//! What belongs to the processor architecture.

pub(crate) mod x86_64;
