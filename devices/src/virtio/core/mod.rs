//! The part of a virtio device that every transport shares: status machine, features, queue configuration,
//! activation, reset, and where the queue handlers are.
//!
//! ```text
//!                 DRIVER_OK: activate              start
//!   no handlers ───────────────────▶ home ─────────────────────▶ out (workers run them)
//!        ▲                          ▲  │ park: stay home             │ status = 0, park, queue off or reset
//!        │ reset: dropped           │  ▼                             ▼
//!        └──────────────────────── home ◀────────────────────── returning
//!                                        all drained
//! ```
//!
//! A reset never blocks the vCPU that asked for it: everything that the driver configured is cleared at once, and
//! until the handlers are home the status reads DEVICE_NEEDS_RESET besides what the driver writes meanwhile. A driver
//! that waits for 0, as VIRTIO 1.2 2.4.2 wants, waits; one that goes on at once, as Linux does over MMIO, may: its
//! DRIVER_OK takes effect when the old handlers are gone.
//!
//! Locks: one, around the control state. It is held while [`QueueWorkers::start`] is called, never while
//! [`QueueWorkers::stop`] or a caller's `done` is. Interrupts do not take it: they use atomics, and what the transport
//! has in its [`TransportInterrupt`].

mod handlers;
mod interrupt;
mod state;
#[cfg(test)]
mod tests;

pub use super::status::Status;
pub use interrupt::{ISR_CONFIG, ISR_USED_BUFFERS, Isr, TransportInterrupt};
pub use state::CoreState;

use super::queue_config::{QueueConfig, check_memory};
use super::{DeviceMemory, QueueWorkers, VirtioDevice};
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use handlers::Place;
use interrupt::Interrupts;
use state::features_acceptable;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use virtio_bindings::virtio_config::{VIRTIO_F_RING_RESET, VIRTIO_F_VERSION_1};
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// What every device offers: its interface, and how its queues work.
const CORE_FEATURES: u64 = 1 << VIRTIO_F_VERSION_1
    | 1 << VIRTIO_RING_F_EVENT_IDX
    | 1 << VIRTIO_RING_F_INDIRECT_DESC
    | 1 << VIRTIO_F_RING_RESET;

/// Called when all handlers are home.
pub type Done = Box<dyn FnOnce() + Send>;

/// A device with its control state.
pub struct VirtioCore<M: DeviceMemory> {
    shared: Arc<Shared<M>>,
}

/// What the registers, and the answers of workers, work on.
struct Shared<M: DeviceMemory> {
    id: DeviceId,
    device_type: u32,
    offered: u64,
    max_sizes: Vec<u16>,
    memory: M,
    workers: Arc<dyn QueueWorkers>,
    interrupts: Arc<Interrupts>,
    notifications: Vec<Arc<EventFd>>,
    control: Mutex<Control<M>>,
}

/// The control state: touched by register accesses and by handlers that come home, never by data.
struct Control<M: DeviceMemory> {
    device: Box<dyn VirtioDevice<M>>,
    status: Status,
    driver_features: u64,
    queues: Vec<QueueConfig>,
    /// The device was activated and not reset since.
    active: bool,
    /// The queues that have a handler.
    served: Vec<u16>,
    place: Place,
    /// A reset waits for the handlers.
    resetting: bool,
    /// Enabled queues that the driver disabled while they ran.
    leaving: Vec<u16>,
    /// The machine is paused: handlers stay home.
    parked: bool,
    /// Whom to tell when the handlers are home.
    waiting: Vec<Done>,
}

impl<M: DeviceMemory> VirtioCore<M> {
    /// A core for `device`, in the first state or in `state`, parked: nothing runs before [`VirtioCore::unpark`].
    ///
    /// # Errors
    /// The state breaks a rule or does not fit the device; the host has no descriptors for the notifications, or cannot
    /// start the device again.
    pub fn new(
        mut device: Box<dyn VirtioDevice<M>>,
        memory: M,
        workers: Arc<dyn QueueWorkers>,
        transport: Box<dyn TransportInterrupt>,
        state: Option<CoreState>,
    ) -> Result<Self, StateError> {
        let id = device.id().clone();
        let offered = device.features() | CORE_FEATURES;
        let max_sizes = device.queue_max_sizes().to_vec();
        let host = |source: std::io::Error| StateError::Host { device: id.clone(), source: Box::new(source) };

        let state = state.unwrap_or_else(|| CoreState::first(&max_sizes));
        state.check(offered, &max_sizes).map_err(|reason| StateError::Invalid { device: id.clone(), reason })?;
        let status = Status::from_bits_truncate(state.status);
        let event = |_| EventFd::new(EFD_NONBLOCK).map(Arc::new);
        let notifications = max_sizes.iter().map(event).collect::<Result<Vec<_>, _>>().map_err(host)?;
        let interrupts = Arc::new(Interrupts::new(id.clone(), transport));
        device.connect(Arc::clone(&interrupts) as _);
        interrupts.restore(state.isr, state.generation, status.contains(Status::NEEDS_RESET));

        let shared = Shared {
            device_type: device.device_type(),
            offered,
            max_sizes,
            memory,
            workers,
            interrupts,
            notifications,
            control: Mutex::new(Control {
                device,
                status: status - Status::NEEDS_RESET,
                driver_features: state.driver_features,
                queues: state.queues,
                active: false,
                served: Vec::new(),
                place: Place::Home(Vec::new()),
                resetting: false,
                leaving: Vec::new(),
                parked: true,
                waiting: Vec::new(),
            }),
            id,
        };
        let mut control = shared.lock();
        let handlers = shared
            .activate(&mut control)
            .map_err(|source| StateError::Host { device: shared.id.clone(), source: Box::new(source) })?;
        control.place = Place::Home(handlers);
        drop(control);
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The device's name.
    pub fn id(&self) -> &DeviceId {
        &self.shared.id
    }

    /// VIRTIO 1.2 chapter 5.
    pub fn device_type(&self) -> u32 {
        self.shared.device_type
    }

    /// The features that the device offers.
    pub fn device_features(&self) -> u64 {
        self.shared.offered
    }

    /// The features that the driver wrote.
    pub fn driver_features(&self) -> u64 {
        self.shared.lock().driver_features
    }

    /// The driver writes half `select` (0: bits 0 to 31, 1: bits 32 to 63) of its features. Ignored once they are
    /// negotiated (VIRTIO 1.2 3.1.1), and for other halves, which have no bits.
    pub fn set_driver_features(&self, select: u32, half: u32) {
        let mut control = self.shared.lock();
        if control.status.contains(Status::FEATURES_OK) {
            return;
        }
        let (high, low) = (control.driver_features & !0xffff_ffff, control.driver_features & 0xffff_ffff);
        match select {
            0 => control.driver_features = high | u64::from(half),
            1 => control.driver_features = u64::from(half) << 32 | low,
            _ => {}
        }
    }

    /// The device status field.
    pub fn status(&self) -> Status {
        let control = self.shared.lock();
        let busy = control.resetting || self.shared.interrupts.is_reset_needed();
        if busy { control.status | Status::NEEDS_RESET } else { control.status }
    }

    /// The driver writes the device status field: nothing at all resets the device, bits go forward.
    pub fn set_status(&self, bits: u8) {
        if bits == 0 {
            self.shared.reset();
            return;
        }
        let mut control = self.shared.lock();
        let written = Status::from_bits_truncate(bits);
        let acceptable = features_acceptable(control.driver_features, self.shared.offered);
        control.status = control.status.after(written, acceptable);
        self.shared.settle(&mut control);
    }

    /// Largest size of queue `index`; `None`: there is no such queue.
    pub fn queue_max_size(&self, index: u16) -> Option<u16> {
        self.shared.max_sizes.get(usize::from(index)).copied()
    }

    /// The driver's configuration of queue `index`.
    pub fn queue(&self, index: u16) -> Option<QueueConfig> {
        self.shared.lock().queues.get(usize::from(index)).copied()
    }

    /// The driver configures queue `index` by `change`: only after features were negotiated, and not once the queue is
    /// enabled or, without VIRTIO_F_RING_RESET, the device runs.
    pub fn configure_queue(&self, index: u16, change: impl FnOnce(&mut QueueConfig)) {
        let mut control = self.shared.lock();
        let late = control.driver_features & 1 << VIRTIO_F_RING_RESET != 0;
        let open =
            control.status.contains(Status::FEATURES_OK) && (late || !control.status.contains(Status::DRIVER_OK));
        if let Some(queue) = control.queues.get_mut(usize::from(index)).filter(|queue| open && !queue.ready) {
            change(queue);
        }
    }

    /// The driver enables queue `index`. A configuration that breaks a rule leaves it disabled, which the driver sees
    /// when it reads it back, and is logged.
    pub fn enable_queue(&self, index: u16) {
        let Some(max_size) = self.queue_max_size(index) else { return };
        self.configure_queue(index, |queue| {
            let enabled = QueueConfig { ready: true, ..*queue };
            let memory = self.shared.memory.memory();
            match enabled.to_queue(max_size, false).and_then(|_| check_memory(&enabled, &*memory)) {
                Ok(()) => *queue = enabled,
                Err(fault) => self.shared.interrupts.log("The driver enabled an impossible queue", &fault),
            }
        });
        self.shared.settle(&mut self.shared.lock());
    }

    /// The driver disables queue `index`. One that runs reads as enabled until its handler is home.
    pub fn disable_queue(&self, index: u16) {
        self.shared.disable_queue(index);
    }

    /// The driver resets queue `index` (VIRTIO 1.2 2.6.1), which it may only with VIRTIO_F_RING_RESET.
    pub fn reset_queue(&self, index: u16) {
        if self.driver_features() & 1 << VIRTIO_F_RING_RESET != 0 {
            self.shared.disable_queue(index);
        }
    }

    /// Queue `index` was disabled or reset, and its handler is not home yet.
    pub fn is_queue_leaving(&self, index: u16) -> bool {
        self.shared.lock().leaving.contains(&index)
    }

    /// The events that notify queues 0, 1, ...
    pub fn notifications(&self) -> &[Arc<EventFd>] {
        &self.shared.notifications
    }

    /// The driver notifies queue `index` by a register write that no ioeventfd took.
    pub fn notify(&self, index: u32) {
        let event = usize::try_from(index).ok().and_then(|index| self.shared.notifications.get(index));
        if let Some(event) = event {
            // Only fails when the counter is full, and then the handler is due anyway.
            let _ = event.write(1);
        }
    }

    /// ISR status.
    pub fn isr(&self) -> u32 {
        self.shared.interrupts.isr()
    }

    /// The driver acknowledges the ISR `bits`; returns those of them that were set.
    pub fn acknowledge(&self, bits: u32) -> u32 {
        self.shared.interrupts.acknowledge(bits)
    }

    /// Counts changes of the configuration space (VIRTIO 1.2 2.5.1).
    pub fn config_generation(&self) -> u32 {
        self.shared.interrupts.generation()
    }

    /// Reads the device's configuration space; bytes beyond its end read zero.
    pub fn read_config(&self, offset: u64, data: &mut [u8]) {
        self.shared.lock().device.read_config(offset, data);
    }

    /// Writes the device's configuration space; what is not writable is ignored.
    pub fn write_config(&self, offset: u64, data: &[u8]) {
        self.shared.lock().device.write_config(offset, data);
    }

    /// Brings all handlers home, to stay; then calls `done`, perhaps in this thread. Only then may state be saved or
    /// [`VirtioCore::unpark`] be called.
    pub fn park(&self, done: Done) {
        self.shared.park(done);
    }

    /// Hands the handlers out again; each is processed once.
    pub fn unpark(&self) {
        let mut control = self.shared.lock();
        control.parked = false;
        self.shared.settle(&mut control);
    }

    /// The state of this part, and the device's own.
    ///
    /// # Errors
    /// The core is not parked, or the device cannot be saved.
    pub fn save(&self) -> Result<(CoreState, Section), StateError> {
        let control = self.shared.lock();
        let (Place::Home(handlers), true) = (&control.place, control.parked) else {
            return Err(StateError::Running(self.shared.id.clone()));
        };
        let mut queues = control.queues.clone();
        for handler in handlers {
            if let Some(queue) = queues.get_mut(usize::from(handler.index())) {
                *queue = QueueConfig::from_state(&handler.state());
            }
        }
        let mut status = control.status;
        status.set(Status::NEEDS_RESET, self.shared.interrupts.is_reset_needed());
        let core = CoreState {
            status: status.bits(),
            driver_features: control.driver_features,
            isr: self.shared.interrupts.isr(),
            generation: self.shared.interrupts.generation(),
            queues,
        };
        Ok((core, control.device.save()?))
    }
}

impl<M: DeviceMemory> Shared<M> {
    fn lock(&self) -> MutexGuard<'_, Control<M>> {
        // A panic in another thread leaves plain data behind, which is still consistent.
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
