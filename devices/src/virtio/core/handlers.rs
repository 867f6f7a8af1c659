//! Where the queue handlers are: activation, reset, parking.

use super::{Control, Done, Shared, Status};
use crate::virtio::queue_config::QueueConfig;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtQueue, VirtioInterrupt};
use std::sync::Arc;
use virtio_bindings::virtio_ring::VIRTIO_RING_F_EVENT_IDX;

/// Where the handlers of a device are.
pub(super) enum Place {
    /// Here. None, when the device is not active.
    Home(Vec<Box<dyn QueueHandler>>),
    /// With the workers.
    Out,
    /// Asked back.
    Returning,
}

impl<M: DeviceMemory> Shared<M> {
    /// The driver resets the device (VIRTIO 1.2 2.4).
    pub(super) fn reset(self: &Arc<Self>) {
        let mut control = self.lock();
        control.status = Status::empty();
        control.driver_features = 0;
        control.queues = self.max_sizes.iter().map(|size| QueueConfig::new(*size)).collect();
        control.leaving.clear();
        control.resetting = true;
        self.interrupts.clear();
        self.settle(&mut control);
        let recall = control.recall();
        drop(control);
        self.stop_if(recall);
    }

    /// The driver disables one queue.
    pub(super) fn disable_queue(self: &Arc<Self>, index: u16) {
        let mut control = self.lock();
        let served = control.served.contains(&index);
        let Some(queue) = control.queues.get_mut(usize::from(index)).filter(|queue| queue.ready) else { return };
        if !served {
            queue.ready = false;
            return;
        }
        if !control.leaving.contains(&index) {
            control.leaving.push(index);
        }
        self.settle(&mut control);
        let recall = control.recall();
        drop(control);
        self.stop_if(recall);
    }

    /// The machine pauses.
    pub(super) fn park(self: &Arc<Self>, done: Done) {
        let mut control = self.lock();
        control.parked = true;
        if matches!(control.place, Place::Home(_)) {
            drop(control);
            done();
            return;
        }
        control.waiting.push(done);
        let recall = control.recall();
        drop(control);
        self.stop_if(recall);
    }

    /// Asks the workers for the handlers. The control lock is not held: they may answer at once, in this thread.
    fn stop_if(self: &Arc<Self>, recall: bool) {
        if recall {
            let shared = Arc::clone(self);
            self.workers.stop(&self.id, Box::new(move |handlers| shared.came_home(handlers)));
        }
    }

    fn came_home(&self, handlers: Vec<Box<dyn QueueHandler>>) {
        let mut control = self.lock();
        control.place = Place::Home(handlers);
        self.settle(&mut control);
        let waiting = std::mem::take(&mut control.waiting);
        drop(control);
        for done in waiting {
            done();
        }
    }

    /// Does what was put off until the handlers are home: reset, queues to disable; then activation, and hands the
    /// handlers out unless the machine is paused. Does nothing while they are on their way.
    pub(super) fn settle(&self, control: &mut Control<M>) {
        if let Place::Home(handlers) = &mut control.place {
            if std::mem::take(&mut control.resetting) {
                handlers.clear();
                control.device.reset();
                control.active = false;
                control.served.clear();
                // Again: what the old handlers raised on their way home is not the new driver's.
                self.interrupts.clear();
            }
            for index in control.leaving.drain(..) {
                handlers.retain(|handler| handler.index() != index);
                control.served.retain(|served| *served != index);
                if let (Some(queue), Some(max_size)) =
                    (control.queues.get_mut(usize::from(index)), self.max_sizes.get(usize::from(index)))
                {
                    *queue = QueueConfig::new(*max_size);
                }
            }
        }
        if matches!(control.place, Place::Returning) {
            return;
        }
        match self.activate(control) {
            Ok(new) => match &mut control.place {
                Place::Home(handlers) => handlers.extend(new),
                Place::Out if !new.is_empty() => self.workers.start(&self.id, new),
                Place::Out | Place::Returning => {}
            },
            Err(error) => self.interrupts.needs_reset(&error),
        }
        if let Place::Home(handlers) = &mut control.place
            && !control.parked
            && !handlers.is_empty()
        {
            let handlers = std::mem::take(handlers);
            control.place = Place::Out;
            self.workers.start(&self.id, handlers);
        }
    }

    /// Activates what the driver is ready for and is not active yet: the device with its enabled queues, later those
    /// that were reset and enabled again. A device that needs a reset stays as it is: nothing would be served.
    pub(super) fn activate(&self, control: &mut Control<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        if !control.status.contains(Status::DRIVER_OK) || self.interrupts.is_reset_needed() {
            return Ok(Vec::new());
        }
        let event_idx = control.driver_features & (1 << VIRTIO_RING_F_EVENT_IDX) != 0;
        let mut queues = Vec::new();
        for (index, queue) in (0..).zip(&control.queues) {
            let (Some(max_size), Some(event)) =
                (self.max_sizes.get(usize::from(index)), self.notifications.get(usize::from(index)))
            else {
                continue;
            };
            if !queue.ready || control.served.contains(&index) {
                continue;
            }
            let ring = queue.to_queue(*max_size, event_idx).map_err(ActivateError::Queue)?;
            let notification = event.try_clone().map_err(ActivateError::Backend)?;
            let interrupt = Arc::clone(&self.interrupts) as Arc<dyn VirtioInterrupt>;
            let features = control.driver_features;
            let queue = VirtQueue::new(index, ring, features, self.memory.clone(), notification, interrupt);
            queues.push(queue.counted_by(self.workers.counters(&self.id, index)));
        }
        if control.active && queues.is_empty() {
            return Ok(Vec::new());
        }
        let served: Vec<u16> = queues.iter().map(VirtQueue::index).collect();
        let handlers = control.device.activate(Activation { features: control.driver_features, queues })?;
        control.served.extend(served);
        control.active = true;
        self.interrupts.set_driver_ready();
        Ok(handlers)
    }
}

impl<M: DeviceMemory> Control<M> {
    /// Whether the workers must be asked for the handlers now.
    fn recall(&mut self) -> bool {
        let out = matches!(self.place, Place::Out);
        if out {
            self.place = Place::Returning;
        }
        out
    }
}
