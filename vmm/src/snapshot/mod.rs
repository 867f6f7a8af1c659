//! Saving a machine's state and building a machine from it.

#![cfg_attr(not(test), expect(dead_code, reason = "the machine is wired up in the next commits"))]

mod format;
