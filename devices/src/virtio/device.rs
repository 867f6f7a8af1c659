//! The traits between a virtio device, its transport, and whoever runs its queues.
//!
//! ```text
//!  guest ── transport (register decoding) ── VirtioDevice (features, configuration space)
//!                     │ DRIVER_OK: activate           │
//!                     ▼                               ▼
//!              QueueWorkers ◄──────────────── QueueHandler per enabled queue (a value: owns ring and backend)
//! ```
//!
//! A handler is a value. While the device runs it belongs to a worker; while the machine is paused, or once the
//! device is reset, the worker has handed it back, and its state can be read or it can be dropped.

use super::queue_config::QueueConfigError;
use super::{DeviceMemory, QueueUse, VirtQueue};
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::worker::WorkerContext;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_queue::QueueState;
use vmm_sys_util::eventfd::EventFd;

/// A virtio device behind any transport (VIRTIO 1.2 chapter 2).
pub trait VirtioDevice<M: DeviceMemory>: Send {
    /// The machine's name for the device.
    fn id(&self) -> &DeviceId;
    /// VIRTIO 1.2 chapter 5: 2 is block, 4 is entropy.
    fn device_type(&self) -> u32;
    /// Largest size of each queue, in queue order.
    fn queue_max_sizes(&self) -> &[u16];
    /// The feature bits of this type that the device offers (VIRTIO 1.2 2.2: 0 to 23 and 50 to 127).
    fn features(&self) -> u64;
    /// The way to tell the driver, from now on, that the configuration space has changed by itself.
    fn connect(&mut self, interrupt: Arc<dyn VirtioInterrupt>) {
        let _ = interrupt;
    }
    /// Reads the configuration space; bytes beyond its end read zero.
    fn read_config(&self, offset: u64, data: &mut [u8]);
    /// Writes the configuration space; what is not writable is ignored.
    fn write_config(&mut self, offset: u64, data: &[u8]);
    /// The driver set DRIVER_OK, or enabled a queue again that it had reset: makes one handler for each of these queues.
    ///
    /// # Errors
    /// The backend cannot serve; the transport then sets DEVICE_NEEDS_RESET.
    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError>;
    /// Back to the state before activation. All handlers have come back and were dropped.
    fn reset(&mut self);
    /// The device's own state, read while its handlers are back. Queue and transport state is the transport's.
    ///
    /// # Errors
    /// The state cannot be serialised.
    fn save(&self) -> Result<Section, StateError>;
}

/// What a device gets when queues begin to be served.
pub struct Activation<M: DeviceMemory> {
    /// The negotiated feature bits.
    pub features: u64,
    /// Queues that were enabled, frozen, each with guest memory, its notification and the way to interrupt the driver.
    pub queues: Vec<VirtQueue<M>>,
}

/// Why a device cannot start.
#[derive(Debug, Error)]
pub enum ActivateError {
    /// A queue cannot be used as configured.
    #[error("A queue cannot be used as it is configured")]
    Queue(#[source] QueueConfigError),
    /// The host refused something the handlers need.
    #[error("The device's backend cannot start")]
    Backend(#[source] std::io::Error),
}

/// How a device interrupts its driver; the transport implements it.
pub trait VirtioInterrupt: Send + Sync {
    /// Buffers of queue `index` were used.
    fn used_buffers(&self, index: u16);
    /// The configuration space changed. A driver that is not ready yet reads it anyway, and is not interrupted.
    fn config_changed(&self);
    /// The device met an error it cannot recover from: sets DEVICE_NEEDS_RESET and tells the driver
    /// (VIRTIO 1.2 2.1.2). `fault` goes to the log, which the transport bounds.
    fn needs_reset(&self, fault: &(dyn std::error::Error + 'static));
}

/// Serves one enabled queue. Run by exactly one worker at a time.
pub trait QueueHandler: Send {
    /// The queue's index.
    fn index(&self) -> u16;
    /// Becomes readable when the guest notifies the queue. The worker lowers it before the turn, which so sees everything
    /// that the guest notified of.
    fn notification(&self) -> &EventFd;
    /// Becomes readable when an asynchronous backend has completions; it needs [`QueueHandler::process`] then, as
    /// after a notification. `None`: the backend completes at once.
    ///
    /// It is watched for edges: what is left unread wakes nobody again. So `process` takes everything, asks to be
    /// called again, or leaves it until the guest's notification.
    fn completion(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Serves what is available, up to a bound; `true` when more is left and it wants to be called again at once.
    /// A broken ring is reported through [`VirtioInterrupt::needs_reset`], never to the caller.
    fn process(&mut self, worker: &mut WorkerContext) -> bool;
    /// Finishes what is in flight, by `deadline`; `false` when something is still under way then. Once it is `true`, the
    /// handler has nothing with this worker any more, and may be processed by another one.
    fn drain(&mut self, worker: &mut WorkerContext, deadline: Instant) -> bool;
    /// The queue's state, read while the handler is back from its worker. Who serves no virtio queue has none.
    fn state(&self) -> QueueState {
        QueueState {
            max_size: 0,
            next_avail: 0,
            next_used: 0,
            event_idx_enabled: false,
            size: 0,
            ready: false,
            desc_table: 0,
            avail_ring: 0,
            used_ring: 0,
        }
    }
}

/// Called once, in any thread, with the handlers that a worker gave back. No lock of the workers may be held around
/// the call: it may call [`QueueWorkers::start`] at once.
pub type Returned = Box<dyn FnOnce(Vec<Box<dyn QueueHandler>>) + Send>;

/// Runs queue handlers; the machine implements it on its worker threads. No call blocks on a worker.
pub trait QueueWorkers: Send + Sync {
    /// Hands handlers to their workers; each is processed once at once, as if it had been notified, but never in
    /// the calling thread.
    fn start(&self, device: &DeviceId, handlers: Vec<Box<dyn QueueHandler>>);
    /// Asks for the handlers of `device` back. Each is drained first; `returned` is called when all are idle.
    /// A device without running handlers gets an empty list.
    fn stop(&self, device: &DeviceId, returned: Returned);
    /// Where what goes over queue `index` of `device` is counted, by the queue and by who serves it.
    fn counters(&self, device: &DeviceId, index: u16) -> Arc<QueueUse>;
}
