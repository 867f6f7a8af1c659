//! The life of a machine: its states, the queue of what is asked of it, and the one thread that does it.

mod backoff;
mod driver;
mod driver_thread;
mod request_queue;
mod shared;
mod state;

pub(crate) use driver::Driver;
pub(crate) use driver_thread::DriverThread;
pub use request_queue::Refusal;
pub(crate) use request_queue::{GuestEvent, Request};
pub(crate) use shared::Shared;
pub use state::VmState;
