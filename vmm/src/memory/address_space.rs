//! The owner of every memory slot.

use super::barrier::{BarrierGuard, VcpuBarrier};
use super::plan::{self, Change, Plan, RangeError, SlotTable};
use super::range::AddressRange;
use super::slots::{MemorySlots, Slot, SlotError, SlotId};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use thiserror::Error;

/// Why a commit did not go through.
#[derive(Debug, Error)]
pub(crate) enum CommitError {
    /// The list itself is wrong; nothing was changed.
    #[error("The list of address ranges cannot be mapped")]
    Range(#[from] RangeError),
    /// A hypervisor call failed.
    #[error("Memory slot {id} ({start:#x} to {end:#x}) could not be {step}; {}", outcome(*.restored))]
    Slot {
        /// The slot.
        id: SlotId,
        /// What was to be done: "removed", "created" ...
        step: &'static str,
        /// Its first guest-physical address.
        start: u64,
        /// The address after its last.
        end: u64,
        /// The slots are again what they were before the commit. Otherwise the guest lacks memory and must not run.
        restored: bool,
        /// What the hypervisor answered.
        #[source]
        source: SlotError,
    },
}

fn outcome(restored: bool) -> &'static str {
    if restored { "the slots are as they were before" } else { "guest memory is missing now: stop the machine" }
}

/// Somebody who keeps a copy of the guest's memory map: vhost, vhost-user, VFIO.
pub(crate) trait AddressSpaceListener: Send + Sync {
    /// The slots `removed` are gone from the guest and the slots `added` are there.
    ///
    /// Called inside the commit, vCPUs held if anything was removed: it must not commit itself.
    fn slots_changed(&self, removed: &[Slot], added: &[Slot]);
}

/// Owns every memory slot of a machine: the slots are what the last successful [`AddressSpace::commit`] says.
///
/// Commits may come from any thread, vCPU threads included; they are serialised.
pub(crate) struct AddressSpace {
    slots: Arc<dyn MemorySlots>,
    barrier: OnceLock<Arc<dyn VcpuBarrier>>,
    state: Mutex<State>,
}

/// What the hypervisor has, at every moment between two of its calls.
#[derive(Default)]
struct State {
    table: SlotTable,
    log_dirty: bool,
    listeners: Vec<Arc<dyn AddressSpaceListener>>,
}

impl AddressSpace {
    /// No slot exists yet.
    pub(crate) fn new(slots: Arc<dyn MemorySlots>) -> Self {
        Self { slots, barrier: OnceLock::new(), state: Mutex::default() }
    }

    /// From now on vCPUs exist, and `barrier` keeps them out of the guest while slots are replaced.
    /// Only the first call counts.
    pub(crate) fn set_barrier(&self, barrier: Arc<dyn VcpuBarrier>) {
        let _ = self.barrier.set(barrier);
    }

    /// Tells `listener` of the slots there are, and of every change from now on.
    pub(crate) fn add_listener(&self, listener: Arc<dyn AddressSpaceListener>) {
        let mut state = self.state();
        listener.slots_changed(&[], &state.table.values().cloned().collect::<Vec<_>>());
        state.listeners.push(listener);
    }

    /// Makes the hypervisor's slots what `ranges` says; later ranges win.
    ///
    /// Additions alone happen under the running guest. When a slot goes, or is split or gets another `readonly` flag
    /// (which is a removal and a creation), every vCPU is held out of the guest meanwhile, and the slot's dirty bits
    /// go to its region's bitmap first.
    ///
    /// # Errors
    /// A range is not page-aligned or lies outside its region, or the hypervisor refused a change. Then the slots
    /// are put back as they were; the error says whether that worked.
    pub(crate) fn commit(&self, ranges: &[AddressRange]) -> Result<(), CommitError> {
        let mut state = self.state();
        let desired = plan::flatten(ranges, state.log_dirty)?;
        self.change(&mut state, &desired)
    }

    /// Switches the dirty log of every slot, present and future. The regions' own bitmaps are switched apart.
    ///
    /// # Errors
    /// The hypervisor refused; see [`AddressSpace::commit`].
    pub(crate) fn set_dirty_log(&self, log_dirty: bool) -> Result<(), CommitError> {
        let mut state = self.state();
        let desired: Vec<Slot> = state.table.values().map(|slot| Slot { log_dirty, ..slot.clone() }).collect();
        self.change(&mut state, &desired)?;
        state.log_dirty = log_dirty;
        Ok(())
    }

    /// The slots there are, in order of address.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.state().table.values().cloned().collect();
        slots.sort_by_key(|slot| slot.range.start);
        slots
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The table is right after every single call, so a panic elsewhere leaves nothing half-done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, state: &mut State, desired: &[Slot]) -> Result<(), CommitError> {
        let plan = plan::plan(&state.table, desired);
        if plan.changes.is_empty() {
            return Ok(());
        }
        let before = state.table.clone();
        let guard = self.hold_for(&plan);
        let result = self.apply(&mut state.table, plan);
        let result = result.map_err(|failure| {
            let old: Vec<Slot> = before.values().cloned().collect();
            let back = plan::plan(&state.table, &old);
            let _guard = if guard.is_some() { None } else { self.hold_for(&back) };
            let undone = self.apply(&mut state.table, back);
            if let Err(error) = &undone {
                tracing::error!(error = %error.source, slot = %error.id, "Memory slots could not be put back");
            }
            failure.into_error(undone.is_ok())
        });
        notify(state, &before);
        drop(guard);
        result
    }

    /// Holds the vCPUs if `plan` takes memory away and there are vCPUs.
    fn hold_for(&self, plan: &Plan) -> Option<BarrierGuard<'_>> {
        self.barrier.get().filter(|_| plan.needs_barrier()).map(|barrier| barrier.hold())
    }

    /// Runs the plan, keeping `table` equal to what the hypervisor has, up to the first call that fails.
    fn apply(&self, table: &mut SlotTable, plan: Plan) -> Result<(), Failure> {
        for change in plan.changes {
            match change {
                Change::Remove(id) => {
                    let Some(slot) = table.get(&id) else { continue };
                    let failure = |step| move |source| Failure { id, step, range: slot.range.clone(), source };
                    if slot.log_dirty {
                        self.collect(id, slot).map_err(failure("asked for its dirty pages"))?;
                    }
                    self.slots.remove(id).map_err(failure("removed"))?;
                    table.remove(&id);
                }
                Change::Create(id, slot) => self.set(table, id, slot, "created")?,
                Change::Relog(id, slot) => self.set(table, id, slot, "switched to another dirty log")?,
            }
        }
        Ok(())
    }

    fn set(&self, table: &mut SlotTable, id: SlotId, slot: Slot, step: &'static str) -> Result<(), Failure> {
        match self.slots.set(id, &slot) {
            Ok(()) => {
                table.insert(id, slot);
                Ok(())
            }
            Err(source) => Err(Failure { id, step, range: slot.range, source }),
        }
    }

    /// Moves the hypervisor's dirty bits of a slot into its region's bitmap.
    fn collect(&self, id: SlotId, slot: &Slot) -> Result<(), SlotError> {
        let bits = self.slots.dirty_log(id, slot)?;
        slot.region.dirty().merge(slot.offset, &bits);
        Ok(())
    }
}

/// The call that stopped a plan.
struct Failure {
    id: SlotId,
    step: &'static str,
    range: Range<u64>,
    source: SlotError,
}

impl Failure {
    fn into_error(self, restored: bool) -> CommitError {
        let Self { id, step, range: Range { start, end }, source } = self;
        CommitError::Slot { id, step, start, end, restored, source }
    }
}

/// Tells the listeners what is different from `before`, if anything is.
fn notify(state: &State, before: &SlotTable) {
    let missing_in = |table: &SlotTable, slot: &&Slot| !table.values().any(|other| plan::same_memory(slot, other));
    let removed: Vec<Slot> = before.values().filter(|slot| missing_in(&state.table, slot)).cloned().collect();
    let added: Vec<Slot> = state.table.values().filter(|slot| missing_in(before, slot)).cloned().collect();
    if removed.is_empty() && added.is_empty() {
        return;
    }
    for listener in &state.listeners {
        listener.slots_changed(&removed, &added);
    }
}

#[cfg(test)]
mod tests;
