//! A message-signalled interrupt, MSI (PCI 3.0 6.8.1): the capability with one vector, a 64-bit address and no mask.
//!
//! All that the guest writes there is in the configuration space, so that it has no state beside it.

use super::{LayoutError, PciConfiguration};
use crate::bus::Width;
use crate::id::DeviceId;
use crate::interrupt::{MsiGroup, MsiMessage};
use crate::log_limit::LogLimit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The capability's id.
const ID: u8 = 0x05;
/// Message control, after id and link; the message's address in two halves, and its data.
const CONTROL: u16 = 0x02;
const ADDRESS: u16 = 0x04;
const ADDRESS_HIGH: u16 = 0x08;
const DATA: u16 = 0x0c;
/// Bytes after id and link.
const BODY_SIZE: usize = 12;
/// In message control: MSI is on, and the interrupt pin is off; the address has 64 bits.
const ENABLE: u32 = 1 << 0;
const ADDRESS_64: u32 = 1 << 7;

/// The MSI capability of one function.
pub struct Msi {
    id: DeviceId,
    group: Arc<dyn MsiGroup>,
    /// Where the capability is.
    capability: u16,
    /// The message that the host has.
    routed: Mutex<Option<MsiMessage>>,
    enabled: AtomicBool,
    /// It is on, and the host has its message.
    deliverable: AtomicBool,
    log: LogLimit,
}

impl Msi {
    /// Adds the capability to the function `id` that has `configuration`. `group` has one vector.
    ///
    /// When the configuration space is restored, call [`Msi::follow`] afterwards.
    ///
    /// # Errors
    /// The configuration space is full.
    pub fn new(
        id: DeviceId,
        group: Arc<dyn MsiGroup>,
        configuration: &mut PciConfiguration,
    ) -> Result<Self, LayoutError> {
        let capability = configuration.add_capability(ID, &[0; BODY_SIZE])?;
        configuration.set(capability + CONTROL, Width::Word, ADDRESS_64);
        configuration.make_writable(capability + CONTROL, Width::Word, ENABLE);
        configuration.make_writable(capability + ADDRESS, Width::Dword, !3);
        configuration.make_writable(capability + ADDRESS_HIGH, Width::Dword, u32::MAX);
        configuration.make_writable(capability + DATA, Width::Word, 0xffff);
        let (enabled, deliverable) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { id, group, capability, routed: Mutex::new(None), enabled, deliverable, log: LogLimit::default() })
    }

    /// Takes over what the guest wrote to the capability; call it after each write to configuration space.
    pub fn follow(&self, configuration: &PciConfiguration) {
        let read = |register: u16, width| configuration.read(self.capability + register, width);
        let address = u64::from(read(ADDRESS_HIGH, Width::Dword)) << 32 | u64::from(read(ADDRESS, Width::Dword));
        let message = MsiMessage { address, data: read(DATA, Width::Word) };
        let wanted = (read(CONTROL, Width::Word) & ENABLE != 0).then_some(message);
        // A panic in another thread leaves a plain value behind.
        let mut routed = self.routed.lock().unwrap_or_else(PoisonError::into_inner);
        self.enabled.store(wanted.is_some(), Ordering::SeqCst);
        if *routed == wanted {
            return;
        }
        // Nothing is sent by a route that is on its way out.
        self.deliverable.store(false, Ordering::SeqCst);
        match self.group.route(&[(0, wanted)]) {
            Ok(()) => {
                *routed = wanted;
                self.deliverable.store(wanted.is_some(), Ordering::SeqCst);
            }
            Err(error) => {
                if let Some(swallowed) = self.log.allow() {
                    tracing::warn!(device = %self.id, swallowed, "Interrupts stay pending: {error}");
                }
            }
        }
    }

    /// Whether the function signals by messages; otherwise it has its interrupt pin.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::SeqCst)
    }

    /// Sends the message; `false` when MSI is off, or the host could not route it: the function keeps it pending.
    pub fn notify(&self) -> bool {
        let deliverable = self.deliverable.load(Ordering::SeqCst);
        if deliverable {
            self.group.trigger(0);
        }
        deliverable
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::interrupt::InterruptManager;
    use crate::pci::Identity;
    use crate::virtio::testing::FakeInterrupts;

    const IDENTITY: Identity =
        Identity { vendor: 1, device: 2, revision: 3, class: [1, 6, 1], subsystem_vendor: 4, subsystem: 5 };

    struct Function {
        interrupts: FakeInterrupts,
        configuration: PciConfiguration,
        msi: Msi,
    }

    impl Function {
        fn new() -> Self {
            let interrupts = FakeInterrupts::default();
            let mut configuration = PciConfiguration::new(IDENTITY);
            let group = interrupts.msi_group(1).unwrap();
            let msi = Msi::new("function".into(), group, &mut configuration).unwrap();
            Self { interrupts, configuration, msi }
        }

        fn write(&mut self, register: u16, width: Width, value: u32) {
            self.configuration.write(0x40 + register, width, value);
            self.msi.follow(&self.configuration);
        }

        fn set_message(&mut self, data: u32) {
            self.write(ADDRESS, Width::Dword, 0xfee0_1003);
            self.write(ADDRESS_HIGH, Width::Dword, 0);
            self.write(DATA, Width::Word, data);
        }
    }

    #[test]
    fn the_capability_has_one_vector_and_a_64_bit_address() {
        let mut function = Function::new();
        let read = |function: &Function, register: u16| function.configuration.read(0x40 + register, Width::Dword);
        assert_eq!(read(&function, 0), 0x0080_0005);
        function.write(CONTROL, Width::Word, 0xffff);
        function.set_message(0xffff_ffff);
        assert_eq!([0, 4, 8, 12].map(|at| read(&function, at)), [0x0081_0005, 0xfee0_1000, 0, 0xffff]);
    }

    #[test]
    fn a_message_is_sent_while_it_is_enabled_and_is_the_last_that_was_written() {
        let mut function = Function::new();
        function.set_message(0x31);
        assert_eq!((function.msi.is_enabled(), function.msi.notify()), (false, false));
        function.write(CONTROL, Width::Word, ENABLE);
        assert_eq!((function.msi.is_enabled(), function.msi.notify()), (true, true));
        function.set_message(0x42);
        assert!(function.msi.notify());
        assert_eq!(function.interrupts.messages(), [0x31, 0x42]);
        function.write(CONTROL, Width::Word, 0);
        assert_eq!((function.msi.is_enabled(), function.msi.notify()), (false, false));
        assert!(function.interrupts.messages().is_empty());
    }

    #[test]
    fn a_message_that_the_host_cannot_route_is_not_sent_elsewhere() {
        let mut function = Function::new();
        function.set_message(0x31);
        function.write(CONTROL, Width::Word, ENABLE);
        function.interrupts.refuses.store(true, Ordering::SeqCst);
        function.set_message(0x42);
        assert_eq!((function.msi.is_enabled(), function.msi.notify()), (true, false));
        function.interrupts.refuses.store(false, Ordering::SeqCst);
        // The next write tries again.
        function.write(CONTROL, Width::Word, ENABLE);
        assert!(function.msi.notify());
        assert_eq!(function.interrupts.messages(), [0x42]);
    }
}
