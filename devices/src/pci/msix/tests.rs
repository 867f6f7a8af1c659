//! Tests of MSI-X against a naive model, and of what a guest sees.

use super::*;
use crate::interrupt::{InterruptError, MsiMessage};
use crate::pci::Identity;
use crate::state::StateError;
use proptest::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const VECTORS: u16 = 3;
const BAR: u8 = 4;
/// Where the first capability's message control is.
const CONTROL_AT: u16 = 0x42;
const PENDING: u64 = 0x800;

/// What the host knows, and the messages it delivered.
#[derive(Default)]
struct FakeGroup {
    routes: Mutex<Vec<Option<MsiMessage>>>,
    updates: Mutex<Vec<usize>>,
    delivered: Mutex<Vec<(u16, MsiMessage)>>,
    refuses: AtomicBool,
}

impl MsiGroup for FakeGroup {
    fn route(&self, changes: &[(u16, Option<MsiMessage>)]) -> Result<(), InterruptError> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(InterruptError::NoVectors(1));
        }
        let mut routes = self.routes.lock().unwrap();
        for (vector, message) in changes {
            routes.resize(usize::from(VECTORS), None);
            routes[usize::from(*vector)] = *message;
        }
        self.updates.lock().unwrap().push(changes.len());
        Ok(())
    }

    fn trigger(&self, vector: u16) {
        if let Some(Some(message)) = self.routes.lock().unwrap().get(usize::from(vector)) {
            self.delivered.lock().unwrap().push((vector, *message));
        }
    }
}

impl FakeGroup {
    fn take(&self) -> Vec<(u16, MsiMessage)> {
        std::mem::take(&mut self.delivered.lock().unwrap())
    }

    fn take_updates(&self) -> Vec<usize> {
        std::mem::take(&mut self.updates.lock().unwrap())
    }
}

/// A function that has nothing else.
struct Function {
    group: Arc<FakeGroup>,
    configuration: PciConfiguration,
    msix: Msix,
}

fn configuration() -> PciConfiguration {
    PciConfiguration::new(Identity {
        vendor: 0x1af4,
        device: 0x1044,
        revision: 1,
        class: [0xff, 0, 0],
        subsystem_vendor: 0,
        subsystem: 0,
    })
}

fn restored(state: Option<MsixState>) -> Result<Function, FunctionError> {
    let (group, mut configuration) = (Arc::new(FakeGroup::default()), configuration());
    let msix = Msix::new("rng0".into(), group.clone(), VECTORS, BAR, &mut configuration, state)?;
    Ok(Function { group, configuration, msix })
}

fn function() -> Function {
    restored(None).unwrap()
}

impl Function {
    fn control(&mut self, value: u32) {
        self.configuration.write(CONTROL_AT, Width::Word, value);
        self.msix.follow(&self.configuration);
    }

    fn program(&self, vector: u16, data: u32) {
        let entry = u64::from(vector) * ENTRY_SIZE;
        self.msix.write(entry, Width::Dword, 0xfee0_1000);
        self.msix.write(entry + 8, Width::Dword, data.into());
    }

    fn mask(&self, vector: u16, masked: bool) {
        self.msix.write(u64::from(vector) * ENTRY_SIZE + 12, Width::Dword, masked.into());
    }

    fn pending(&self) -> u64 {
        self.msix.read(PENDING, Width::Qword)
    }
}

fn message(data: u32) -> MsiMessage {
    MsiMessage { address: 0xfee0_1000, data }
}

#[test]
fn the_capability_tells_where_table_and_pending_bits_are() {
    let function = function();
    let read = |offset| function.configuration.read(offset, Width::Dword);
    assert_eq!([read(0x40), read(0x44), read(0x48)], [0x0002_0011, 0x4, 0x804]);
    let mut large = configuration();
    Msix::new("rng0".into(), Arc::<FakeGroup>::default(), 2048, 1, &mut large, None).unwrap();
    large.write(0x14, Width::Dword, u32::MAX);
    assert_eq!((large.read(0x40, Width::Dword), large.read(0x48, Width::Dword)), (0x07ff_0011, 0x8001));
    assert_eq!(large.read(0x14, Width::Dword), 0xffff_0000, "64 KiB");
}

#[test]
fn there_are_1_to_2048_vectors() {
    for vectors in [0, 2049, u16::MAX] {
        let made = Msix::new("rng0".into(), Arc::<FakeGroup>::default(), vectors, BAR, &mut configuration(), None);
        let error = made.map(|_| ()).unwrap_err();
        assert!(matches!(error, FunctionError::Layout(LayoutError::Vectors(count)) if count == vectors));
    }
}

#[test]
fn a_notification_while_masked_is_delivered_by_the_unmask() {
    let mut function = function();
    function.control(ENABLE);
    function.program(1, 0x31);
    function.msix.notify(1);
    assert_eq!((function.group.take(), function.pending()), (vec![], 0b10));
    function.mask(1, false);
    assert_eq!((function.group.take(), function.pending()), (vec![(1, message(0x31))], 0));
    function.msix.notify(1);
    assert_eq!((function.group.take(), function.pending()), (vec![(1, message(0x31))], 0));
}

#[test]
fn clearing_the_function_mask_is_one_update_for_all_vectors() {
    let mut function = function();
    function.control(ENABLE | FUNCTION_MASK);
    for vector in 0..VECTORS {
        function.program(vector, vector.into());
        function.mask(vector, false);
        function.msix.notify(vector);
    }
    assert_eq!((function.group.take_updates(), function.group.take()), (vec![], vec![]));
    function.control(ENABLE);
    assert_eq!(function.group.take_updates(), [3]);
    assert_eq!(function.group.take(), [(0, message(0)), (1, message(1)), (2, message(2))]);
    function.control(0);
    assert_eq!((function.group.take_updates(), function.msix.is_enabled()), (vec![3], false));
}

#[test]
fn masking_and_unmasking_the_same_message_moves_nothing_in_the_host() {
    let mut function = function();
    function.control(ENABLE);
    function.program(0, 5);
    function.mask(0, false);
    assert_eq!(function.group.take_updates(), [1]);
    function.mask(0, true);
    function.mask(0, false);
    function.control(ENABLE | FUNCTION_MASK);
    function.control(ENABLE);
    assert!(function.group.take_updates().is_empty());
    function.mask(0, true);
    function.program(0, 6);
    function.mask(0, false);
    assert_eq!(function.group.take_updates(), [1]);
}

#[test]
fn what_the_host_cannot_route_stays_pending_until_it_can() {
    let mut function = function();
    function.control(ENABLE);
    function.program(0, 5);
    function.group.refuses.store(true, Ordering::Relaxed);
    function.mask(0, false);
    function.msix.notify(0);
    assert_eq!((function.group.take(), function.pending()), (vec![], 1));
    function.group.refuses.store(false, Ordering::Relaxed);
    function.mask(0, false);
    assert_eq!((function.group.take(), function.pending()), (vec![(0, message(5))], 0));
}

#[test]
fn a_vector_that_does_not_exist_is_ignored() {
    let mut function = function();
    function.control(ENABLE);
    for vector in [VECTORS, 63, 64, u16::MAX] {
        function.msix.notify(vector);
    }
    assert_eq!((function.pending(), function.group.take()), (0, vec![]));
}

#[test]
fn reserved_bits_of_an_entry_and_the_pending_bits_keep() {
    let function = function();
    for offset in (0..0x1000).step_by(8) {
        function.msix.write(offset, Width::Qword, u64::MAX);
    }
    assert_eq!(function.msix.read(0, Width::Qword), 0xffff_ffff_ffff_fffc);
    assert_eq!(function.msix.read(8, Width::Qword), 0x0000_0001_ffff_ffff);
    assert_eq!((function.msix.read(0x30, Width::Qword), function.pending()), (0, 0));
}

#[test]
fn table_and_pending_bits_survive_a_save() {
    let mut function = function();
    function.control(ENABLE);
    function.program(2, 7);
    function.msix.notify(2);
    let mut copy = restored(Some(function.msix.save())).unwrap();
    assert_eq!((copy.msix.save(), copy.pending()), (function.msix.save(), 0b100));
    copy.control(ENABLE);
    copy.mask(2, false);
    assert_eq!(copy.group.take(), [(2, message(7))]);
}

#[test]
fn an_unmasked_vector_is_routed_by_a_restore() {
    let mut function = function();
    function.control(ENABLE);
    function.program(0, 7);
    function.mask(0, false);
    let mut copy = restored(Some(function.msix.save())).unwrap();
    copy.control(ENABLE);
    copy.msix.notify(0);
    assert_eq!((copy.group.take(), copy.group.take_updates()), (vec![(0, message(7))], vec![1]));
}

#[test]
fn state_of_another_table_is_refused() {
    let legal = function().msix.save();
    let states: [fn(&mut MsixState); 4] = [
        |state| state.entries.truncate(2),
        |state| state.pending.clear(),
        |state| state.pending = vec![1 << VECTORS],
        |state| state.entries[1][0] = 1,
    ];
    for change in states {
        let mut state = legal.clone();
        change(&mut state);
        let refused = restored(Some(state));
        assert!(matches!(refused.map(|_| ()), Err(FunctionError::State(StateError::Invalid { .. }))));
    }
}

#[test]
fn a_notification_beside_a_mask_or_an_unmask_is_delivered_once() {
    let mut function = function();
    function.control(ENABLE);
    function.program(0, 1);
    for round in 0..200 {
        let masked_before = round % 2 == 0;
        function.mask(0, masked_before);
        thread::scope(|scope| {
            scope.spawn(|| function.mask(0, !masked_before));
            function.msix.notify(0);
        });
        function.mask(0, false);
        assert_eq!((function.group.take(), function.pending()), (vec![(0, message(1))], 0));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Control(bool, bool),
    Message(u16, u32),
    Mask(u16, bool),
    Notify(u16),
    Refuse(bool),
    Write(u64, Width, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let width = prop::sample::select(vec![Width::Byte, Width::Word, Width::Dword, Width::Qword]);
    let (vector, any_vector) = (0..VECTORS, 0..VECTORS + 1);
    prop_oneof![
        2 => any::<(bool, bool)>().prop_map(|(enable, mask)| Step::Control(enable, mask)),
        2 => (vector.clone(), 0u32..3).prop_map(|(vector, data)| Step::Message(vector, data)),
        4 => (vector, any::<bool>()).prop_map(|(vector, masked)| Step::Mask(vector, masked)),
        4 => any_vector.prop_map(Step::Notify),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => (0u64..0x1000, width, any::<u64>()).prop_map(|(offset, width, value)| Step::Write(offset, width, value)),
    ]
}

proptest! {
    /// The model keeps what waits, and asks after each step what the table that the guest reads allows.
    #[test]
    fn a_notification_is_never_lost_and_never_delivered_while_masked(steps in prop::collection::vec(step(), 0..24)) {
        let mut function = function();
        let (mut enabled, mut masked, mut waiting) = (false, false, [false; VECTORS as usize]);
        for step in steps {
            match step {
                Step::Control(enable, mask) => {
                    (enabled, masked) = (enable, mask);
                    function.control(if enable { ENABLE } else { 0 } | if mask { FUNCTION_MASK } else { 0 });
                }
                Step::Message(vector, data) => function.program(vector, data),
                Step::Mask(vector, mask) => function.mask(vector, mask),
                Step::Notify(vector) => {
                    if let Some(waiting) = waiting.get_mut(usize::from(vector)) {
                        *waiting |= enabled;
                    }
                    function.msix.notify(vector);
                }
                Step::Refuse(refuse) => {
                    function.group.refuses.store(refuse, Ordering::Relaxed);
                    if !refuse {
                        // Any write tries again.
                        function.msix.write(PENDING, Width::Dword, 0);
                    }
                }
                Step::Write(offset, width, value) => function.msix.write(offset, width, value),
            }
            let refuses = function.group.refuses.load(Ordering::Relaxed);
            let delivered = function.group.take();
            for (vector, message) in &delivered {
                let entry = u64::from(*vector) * ENTRY_SIZE;
                let is_masked = function.msix.read(entry + 12, Width::Dword) & 1 != 0;
                prop_assert!(enabled && !masked && !is_masked, "vector {vector} is masked");
                prop_assert_eq!(message.address, function.msix.read(entry, Width::Qword));
                prop_assert_eq!(u64::from(message.data), function.msix.read(entry + 8, Width::Dword));
                prop_assert!(std::mem::take(&mut waiting[usize::from(*vector)]), "nobody notified vector {vector}");
            }
            for (vector, waiting) in (0..).zip(waiting) {
                let is_masked = function.msix.read(vector * ENTRY_SIZE + 12, Width::Dword) & 1 != 0;
                prop_assert_eq!(function.pending() >> vector & 1 != 0, waiting);
                prop_assert!(!waiting || !enabled || masked || is_masked || refuses, "vector {vector} is lost");
            }
            let saved = function.msix.save();
            prop_assert!(saved.restore(&"rng0".into(), VECTORS).is_ok());
        }
    }
}
