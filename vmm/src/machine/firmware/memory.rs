//! Where a machine with firmware has its flash, and what stands below 1 MiB: changed by the guest at run time.
//!
//! ```text
//!  0x000A_0000  nothing, or RAM when SMRAM is open        ┐
//!  0x000C_0000  nothing, or RAM as PAM says               │ the host bridge's registers
//!  0x000E_0000  the last 128 KiB of the code, or RAM      ┘
//!  ...          the variable store, right below the code ┐ memory to read, or
//!  ...          the code, up to 4 GiB                    ┘ the chip when it got a command
//! ```

use crate::memory::{AddressRange, AddressSpace, CommitError, Kind, RamRegion, layout};
use crate::statistics::Statistics;
use devices::bus::{BusDevice, Width};
use devices::pci::{ShadowAccess, ShadowMapper, ShadowRegion};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vm_memory::{Bytes, MemoryRegionAddress};

/// What the host bridge's registers place.
pub(in crate::machine) const SHADOW: Range<u64> = layout::VGA_AND_ROMS.start..layout::KERNEL_START;
/// Bytes of the code that a PC has below 1 MiB, too.
const LOW_CODE: u64 = 128 << 10;

/// The memory slots of a machine with firmware. It commits whenever the guest has changed what there is.
pub(in crate::machine) struct FirmwareMemory {
    address_space: Arc<AddressSpace>,
    /// The first region begins at 0 and covers [`SHADOW`].
    ram: Vec<Arc<RamRegion>>,
    code: Arc<RamRegion>,
    vars: Option<Arc<RamRegion>>,
    state: Mutex<State>,
    statistics: Arc<Statistics>,
    /// Told of a commit that went wrong: memory may be missing, so that the guest must not run on.
    failed: Box<dyn Fn(CommitError) + Send + Sync>,
}

struct State {
    shadow: Vec<ShadowRegion>,
    /// Those that the guest has given a command.
    commanded: BTreeSet<FlashUnit>,
}

/// A flash chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::machine) enum FlashUnit {
    /// With the firmware's code.
    Code,
    /// With its variables.
    Variables,
}

impl FirmwareMemory {
    /// Maps RAM, code and variable store as they are at power-on.
    ///
    /// # Errors
    /// The hypervisor refused.
    pub(in crate::machine) fn new(
        address_space: Arc<AddressSpace>,
        ram: Vec<Arc<RamRegion>>,
        code: Arc<RamRegion>,
        vars: Option<Arc<RamRegion>>,
        statistics: Arc<Statistics>,
        failed: Box<dyn Fn(CommitError) + Send + Sync>,
    ) -> Result<Self, CommitError> {
        let shadow = vec![ShadowRegion { range: SHADOW, access: ShadowAccess::Bus }];
        let state = Mutex::new(State { shadow, commanded: BTreeSet::new() });
        let memory = Self { address_space, ram, code, vars, state, statistics, failed };
        memory.commit(&memory.state())?;
        Ok(memory)
    }

    /// Lets the guest read a chip's memory, or has each access come to the chip.
    pub(in crate::machine) fn show(&self, unit: FlashUnit, shown: bool) {
        let mut state = self.state();
        let changed = if shown { state.commanded.remove(&unit) } else { state.commanded.insert(unit) };
        if changed {
            self.statistics.flash_switched();
            self.change(&state);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, state: &State) {
        if let Err(error) = self.commit(state) {
            (self.failed)(error);
        }
    }

    fn commit(&self, state: &State) -> Result<(), CommitError> {
        let mut ranges: Vec<AddressRange> = self.ram.iter().map(AddressRange::ram).collect();
        for ShadowRegion { range, access } in &state.shadow {
            match access {
                ShadowAccess::Ram => {}
                ShadowAccess::ReadRam => ranges.extend(self.ram.first().map(|ram| rom(range, ram, range.start))),
                ShadowAccess::Bus | ShadowAccess::WriteRam => {
                    ranges.push(AddressRange { range: range.clone(), kind: Kind::Mmio });
                    ranges.extend(self.low_code(range));
                }
            }
        }
        let chips = [(FlashUnit::Code, Some(&self.code)), (FlashUnit::Variables, self.vars.as_ref())];
        for (unit, region) in chips {
            if let Some(region) = region.filter(|_| !state.commanded.contains(&unit)) {
                let kind = Kind::RomDevice { region: Arc::clone(region), offset: 0 };
                ranges.push(AddressRange { range: region.range(), kind });
            }
        }
        self.address_space.commit(&ranges)
    }

    /// The end of the code, as far as it is seen in `range`.
    fn low_code(&self, range: &Range<u64>) -> Option<AddressRange> {
        let Range { start, end } = self.code.range();
        let length = (end - start).min(LOW_CODE);
        let seen = range.start.max(SHADOW.end - length)..range.end;
        // The code's last byte is the last below 1 MiB.
        (!seen.is_empty()).then(|| rom(&seen, &self.code, end - start - (SHADOW.end - seen.start)))
    }
}

fn rom(range: &Range<u64>, region: &Arc<RamRegion>, offset: u64) -> AddressRange {
    AddressRange { range: range.clone(), kind: Kind::Rom { region: Arc::clone(region), offset } }
}

impl ShadowMapper for FirmwareMemory {
    fn apply(&self, regions: &[ShadowRegion]) {
        let mut state = self.state();
        state.shadow = regions.to_vec();
        self.change(&state);
    }
}

/// What answers in [`SHADOW`] where the guest has no memory, or only some to read.
impl BusDevice for FirmwareMemory {
    fn read(&self, _offset: u64, width: Width) -> u64 {
        width.ones()
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        let address = SHADOW.start + offset;
        let state = self.state();
        let at = state.shadow.iter().find(|region| region.range.contains(&address));
        if at.is_none_or(|region| region.access != ShadowAccess::WriteRam) {
            return;
        }
        if let Some(ram) = self.ram.first() {
            let bytes = value.to_le_bytes();
            let written = bytes.get(..width.bytes()).unwrap_or_default();
            // The first region covers all of it.
            let _ = ram.write_slice(written, MemoryRegionAddress(address));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Backing;
    use crate::memory::{MemorySlots, Slot, SlotError, SlotId};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const MIB: u64 = 1 << 20;
    const CODE: Range<u64> = 0xffe0_0000..0x1_0000_0000;
    const VARS: Range<u64> = 0xffdc_0000..0xffe0_0000;

    /// A hypervisor that remembers its slots; it can be broken.
    #[derive(Default)]
    struct Slots {
        slots: Mutex<BTreeMap<SlotId, Slot>>,
        broken: Mutex<bool>,
    }

    impl MemorySlots for Slots {
        fn set(&self, id: SlotId, slot: &Slot) -> Result<(), SlotError> {
            if *self.broken.lock().unwrap() {
                return Err("broken".into());
            }
            self.slots.lock().unwrap().insert(id, slot.clone());
            Ok(())
        }

        fn remove(&self, id: SlotId) -> Result<(), SlotError> {
            self.slots.lock().unwrap().remove(&id);
            Ok(())
        }

        fn dirty_log(&self, _id: SlotId, _slot: &Slot) -> Result<Vec<u64>, SlotError> {
            Ok(Vec::new())
        }
    }

    struct Bench {
        memory: FirmwareMemory,
        slots: Arc<Slots>,
        statistics: Arc<Statistics>,
        ram: Arc<RamRegion>,
        failures: Arc<Mutex<usize>>,
    }

    fn region(range: Range<u64>) -> Arc<RamRegion> {
        Arc::new(RamRegion::new(range, Backing::Anonymous).unwrap())
    }

    impl Bench {
        fn new() -> Self {
            let slots = Arc::new(Slots::default());
            let address_space = Arc::new(AddressSpace::new(slots.clone()));
            let statistics = Arc::new(Statistics::new(1));
            address_space.add_listener(statistics.clone());
            let (ram, failures) = (region(0..16 * MIB), Arc::new(Mutex::new(0)));
            let count = Arc::clone(&failures);
            let memory = FirmwareMemory::new(
                address_space,
                vec![ram.clone()],
                region(CODE),
                Some(region(VARS)),
                Arc::clone(&statistics),
                Box::new(move |_| *count.lock().unwrap() += 1),
            );
            Self { memory: memory.unwrap(), slots, statistics, ram, failures }
        }

        /// Start and end of each slot in order, and whether it can be written.
        fn slots(&self) -> Vec<(u64, u64, bool)> {
            let slots = self.slots.slots.lock().unwrap();
            let mut found: Vec<_> =
                slots.values().map(|slot| (slot.start(), slot.start() + slot.len(), !slot.readonly())).collect();
            found.sort_unstable();
            found
        }

        /// The byte of this process behind a guest address.
        fn host_byte(&self, address: u64) -> u64 {
            let slots = self.slots.slots.lock().unwrap();
            let inside = |slot: &&Slot| (slot.start()..slot.start() + slot.len()).contains(&address);
            let slot = slots.values().find(inside).unwrap();
            slot.host_address() + (address - slot.start())
        }
    }

    fn shadow(parts: &[(u64, ShadowAccess)]) -> Vec<ShadowRegion> {
        let ends = parts.iter().skip(1).map(|(start, _)| *start).chain([SHADOW.end]);
        parts
            .iter()
            .zip(ends)
            .map(|((start, access), end)| ShadowRegion { range: *start..end, access: *access })
            .collect()
    }

    const ABOVE: [(u64, u64, bool); 2] = [(VARS.start, VARS.end, false), (CODE.start, CODE.end, false)];

    #[test]
    fn at_power_on_the_code_ends_at_4_gib_and_at_1_mib() {
        let bench = Bench::new();
        let low = [(0, 0xa_0000, true), (0xe_0000, MIB, false), (MIB, 16 * MIB, true)];
        assert_eq!(bench.slots(), [&low[..], &ABOVE].concat());
        assert_eq!(bench.host_byte(0xf_fff0), bench.host_byte(0xffff_fff0), "the reset vector");
        assert_eq!(bench.host_byte(0xe_0000), bench.host_byte(0xfffe_0000));
    }

    #[test]
    fn ram_comes_below_1_mib_where_the_registers_say_so() {
        let bench = Bench::new();
        bench.memory.apply(&shadow(&[(0xa_0000, ShadowAccess::Bus), (0xc_0000, ShadowAccess::Ram)]));
        assert_eq!(bench.slots(), [&[(0, 0xa_0000, true), (0xc_0000, 16 * MIB, true)][..], &ABOVE].concat());
        bench.memory.apply(&shadow(&[
            (0xa_0000, ShadowAccess::Bus),
            (0xe_4000, ShadowAccess::ReadRam),
            (0xf_0000, ShadowAccess::Ram),
        ]));
        let low =
            [(0, 0xa_0000, true), (0xe_0000, 0xe_4000, false), (0xe_4000, 0xf_0000, false), (0xf_0000, 16 * MIB, true)];
        assert_eq!(bench.slots(), [&low[..], &ABOVE].concat());
        assert_eq!(bench.host_byte(0xe_0000), bench.host_byte(0xfffe_0000), "still the code");
        assert_eq!(bench.host_byte(0xe_4000), bench.host_byte(0) + 0xe_4000, "RAM, to read");
    }

    #[test]
    fn writes_go_to_ram_behind_what_is_read_only_where_the_registers_say_so() {
        let bench = Bench::new();
        let read = |address| bench.ram.read_obj::<u16>(MemoryRegionAddress(address)).unwrap();
        bench.memory.write(0x4_0000, Width::Word, 0x1234);
        assert_eq!(read(0xe_0000), 0);
        bench.memory.apply(&shadow(&[(0xa_0000, ShadowAccess::Bus), (0xe_0000, ShadowAccess::WriteRam)]));
        bench.memory.write(0x4_0000, Width::Word, 0x1234);
        bench.memory.write(0x2_0000, Width::Word, 0x5678);
        assert_eq!((read(0xe_0000), read(0xc_0000)), (0x1234, 0));
        assert_eq!(bench.host_byte(0xe_0000), bench.host_byte(0xfffe_0000), "reads find the code");
    }

    #[test]
    fn a_chip_is_memory_until_it_gets_a_command() {
        let bench = Bench::new();
        bench.memory.show(FlashUnit::Code, false);
        assert_eq!(&bench.slots()[3..], &ABOVE[..1]);
        assert_eq!(bench.slots()[1], (0xe_0000, MIB, false), "the end of the code below 1 MiB stays");
        bench.memory.show(FlashUnit::Variables, false);
        assert_eq!(bench.slots().len(), 3);
        bench.memory.show(FlashUnit::Code, true);
        assert_eq!(&bench.slots()[3..], &ABOVE[1..]);
        bench.memory.show(FlashUnit::Variables, true);
        assert_eq!(&bench.slots()[3..], ABOVE);
        bench.memory.show(FlashUnit::Variables, true);
        let counted = bench.statistics.snapshot();
        // Five slots at power-on; then two went and came back.
        assert_eq!((counted.slot_updates, counted.flash_switches), (9, 4));
    }

    #[test]
    fn a_commit_that_fails_is_told() {
        let bench = Bench::new();
        *bench.slots.broken.lock().unwrap() = true;
        bench.memory.apply(&shadow(&[(0xa_0000, ShadowAccess::Ram)]));
        assert_eq!(*bench.failures.lock().unwrap(), 1);
    }

    const STARTS: [u64; 4] = [0xa_0000, 0xc_0000, 0xe_0000, 0xf_0000];

    fn access() -> impl Strategy<Value = ShadowAccess> {
        prop::sample::select(vec![ShadowAccess::Bus, ShadowAccess::ReadRam, ShadowAccess::WriteRam, ShadowAccess::Ram])
    }

    /// New registers, or a chip that goes from memory to commands or back.
    fn step() -> impl Strategy<Value = Result<[ShadowAccess; 4], (bool, bool)>> {
        prop_oneof![[access(), access(), access(), access()].prop_map(Ok), any::<(bool, bool)>().prop_map(Err)]
    }

    proptest! {
        #[test]
        fn whatever_the_guest_does_each_address_is_what_its_last_words_made_it(
            steps in prop::collection::vec(step(), 1..6)
        ) {
            let bench = Bench::new();
            let mut accesses = [ShadowAccess::Bus; 4];
            let (mut code, mut vars) = (true, true);
            for step in steps {
                match step {
                    Ok(new) => {
                        accesses = new;
                        let parts: Vec<_> = STARTS.into_iter().zip(new).collect();
                        bench.memory.apply(&shadow(&parts));
                    }
                    Err((true, shown)) => {
                        bench.memory.show(FlashUnit::Code, shown);
                        code = shown;
                    }
                    Err((false, shown)) => {
                        bench.memory.show(FlashUnit::Variables, shown);
                        vars = shown;
                    }
                }
                let slots = bench.slots();
                prop_assert!(slots.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{slots:x?}");
                let at = |address: u64| slots.iter().find(|(start, end, _)| (*start..*end).contains(&address));
                for (start, access) in STARTS.into_iter().zip(accesses) {
                    let expected = match access {
                        ShadowAccess::Ram => Some(true),
                        ShadowAccess::ReadRam => Some(false),
                        // The end of the code has the last 128 KiB.
                        ShadowAccess::Bus | ShadowAccess::WriteRam => (start >= 0xe_0000).then_some(false),
                    };
                    prop_assert_eq!(at(start).map(|slot| slot.2), expected, "{:#x}", start);
                }
                prop_assert_eq!((at(CODE.start).is_some(), at(VARS.start).is_some()), (code, vars));
                prop_assert_eq!(at(0).zip(at(MIB)).map(|(low, high)| low.2 && high.2), Some(true));
            }
            prop_assert_eq!(*bench.failures.lock().unwrap(), 0);
        }
    }
}
