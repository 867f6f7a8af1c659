//! From blueprint to machine. The order is the fast one: a kernel is read into RAM in parallel with everything else, before
//! KVM knows of that RAM; memory slots come before the interrupt controllers (the first slot after them waits for a grace
//! period of the kernel).

use super::blueprint::Payload;
use super::board::{Board, Parts};
use super::firmware::FirmwareParts;
use super::signals::Signals;
use super::{Blueprint, Machine, MachineError, tables, virtio};
use crate::arch::x86_64::topology::Topology;
use crate::arch::x86_64::{regs, setup};
use crate::boot::{BootError, BootMethod, Entry, FirmwareBoot, KernelBoot};
use crate::handle::VmError;
use crate::interrupt::KvmInterruptManager;
use crate::kvm::{KvmVcpu, KvmVm, permit_dynamic_xstate};
use crate::lifecycle::Shared;
use crate::memory::{AddressRange, AddressSpace, CommitError, GuestRam, Memory, MemorySlots, RamRegion, layout};
use crate::snapshot::SavedMachine;
use crate::thread::ThreadRole;
use crate::timeline::Milestone;
use crate::vcpu::{Buses, VcpuControl, VcpuEvents, Vcpus};
use crate::worker::Workers;
use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// The thread that reads the payload. It is joined whatever becomes of the machine.
struct Loader(Option<JoinHandle<io::Result<Result<Entry, BootError>>>>);

impl Machine {
    /// Makes a machine that stands at its first instruction.
    ///
    /// # Errors
    /// The host cannot do it, or the payload cannot be loaded.
    pub(crate) fn build(blueprint: &Blueprint, shared: Arc<Shared>, boot: u64) -> Result<Self, VmError> {
        Self::assemble(blueprint, shared, boot, SavedMachine::default())
    }

    /// Makes a machine of `saved`, or a new one when that is empty. RAM of a restored machine is the caller's to fill.
    pub(super) fn assemble(
        blueprint: &Blueprint,
        shared: Arc<Shared>,
        boot: u64,
        mut saved: SavedMachine,
    ) -> Result<Self, VmError> {
        let config = &blueprint.config;
        let timeline = &blueprint.timeline;
        let restore = saved.is_restore();
        let regions = RamRegion::ram(config.memory.boot, config.memory.backing)?;
        for region in &regions {
            region.mapping().advise_huge_pages(config.memory.transparent_huge_pages)?;
        }
        let ram = GuestRam::from_arc_regions(regions.clone()).map_err(MachineError::Regions)?;
        // A restored machine has its RAM from elsewhere.
        let kernel = if restore { None } else { kernel(blueprint)? };
        let kernel = kernel.map(|kernel| start_loader(blueprint, kernel, &ram)).transpose()?;

        let vm = Arc::new(blueprint.kvm.create_vm()?);
        timeline.reach(Milestone::KvmReady);
        let control = VcpuControl::new();
        let statistics = Arc::clone(&blueprint.statistics);
        let signals =
            Signals::new(shared, Arc::clone(timeline), boot, config.triple_fault(), control.clone(), statistics);
        let signals = Arc::new(signals);
        for (_, port) in &blueprint.disks {
            port.set_alarm(Arc::clone(&signals) as _);
        }
        let topology = Topology::new(config.topology(), config.cpus.boot).map_err(MachineError::from)?;
        let address_space = Arc::new(AddressSpace::new(Arc::clone(&vm) as Arc<dyn MemorySlots>));
        address_space.add_listener(Arc::clone(&blueprint.statistics) as _);
        let firmware = map_memory(blueprint, &regions, &address_space, &topology, &signals)?;
        let memory = Memory::new(ram.clone());
        timeline.reach(Milestone::MemoryReady);
        let (firmware, code) = firmware.unzip();
        // Also where it is restored: its code is no part of what is saved.
        let code = code.map(|code| start_loader(blueprint, code, &ram)).transpose()?;

        // A page that real-mode and protected-mode code of older Intel processors runs from.
        vm.set_identity_map_address(layout::KVM_IDENTITY_MAP.start)?;
        vm.set_tss_address(layout::KVM_TSS.start)?;
        let interrupts = Arc::new(KvmInterruptManager::create(Arc::clone(&vm))?);
        let vcpus = create_vcpus(blueprint, &vm, topology, restore)?;

        let workers = Arc::new(
            Workers::new(
                &blueprint.threads,
                &virtio::placements(config),
                &config.io_threads,
                &blueprint.rings,
                blueprint.statistics.queues(),
            )
            .map_err(MachineError::from)?,
        );
        let buses = Buses::default();
        let board = Board::new(
            &Parts {
                blueprint,
                vm: &vm,
                memory: &memory,
                ram: &regions,
                buses: &buses,
                interrupts: &*interrupts,
                workers: &workers,
                signals: &signals,
                firmware: firmware.as_ref(),
            },
            &mut saved,
        )?;
        super::save::restore(blueprint, &vm, &vcpus, &mut saved)?;
        saved.finish().map_err(MachineError::from)?;
        let events = Arc::clone(&signals) as Arc<dyn VcpuEvents>;
        let vcpus = Vcpus::spawn(&blueprint.threads, &control, vcpus, &buses, &events).map_err(MachineError::from)?;

        if let Some(loader) = kernel.or(code) {
            // Before the loader is waited for: the tables need nothing of the payload.
            if firmware.is_none() {
                tables::write(config, &topology, &ram)?;
            }
            let entry = loader.join()?;
            timeline.reach(Milestone::PayloadLoaded);
            regs::write_boot_tables(&ram, &entry)
                .map_err(|source| MachineError::Table { table: "boot table", source })?;
            if !restore {
                vcpus.each(|index, vcpu| if index == 0 { setup::start_at(vcpu, &entry) } else { Ok(()) })?;
            }
        }
        address_space.set_barrier(Arc::new(control));
        Ok(Self {
            vcpus,
            board,
            workers,
            signals,
            _interrupts: interrupts,
            address_space,
            ram: regions,
            vm,
            disks: blueprint.disks.iter().map(|(_, port)| Arc::clone(port.backend())).collect(),
            cpus_left_out: (topology.cpus() < config.max_cpus()).then(|| topology.cpus()),
            clock: None,
        })
    }
}

/// What loads the kernel, if it is one that the machine starts with.
fn kernel(blueprint: &Blueprint) -> Result<Option<KernelBoot>, MachineError> {
    let Payload::Kernel { kernel, initrd, entry } = &blueprint.payload else { return Ok(None) };
    let (kernel, initrd) = (clone(kernel)?, initrd.as_ref().map(clone).transpose()?);
    Ok(Some(KernelBoot { kernel, initrd, entry: *entry }))
}

/// Gives the guest its RAM, and the firmware, when there is some, its memory; and what loads that.
fn map_memory(
    blueprint: &Blueprint,
    regions: &[Arc<RamRegion>],
    address_space: &Arc<AddressSpace>,
    topology: &Topology,
    signals: &Arc<Signals>,
) -> Result<Option<(FirmwareParts, FirmwareBoot)>, MachineError> {
    let Payload::Firmware { files, interface, log } = &blueprint.payload else {
        address_space.commit(&regions.iter().map(AddressRange::ram).collect::<Vec<_>>())?;
        return Ok(None);
    };
    let cpus = tables::cpus(&blueprint.config, topology)?;
    let failed = failure_of_commits(Arc::clone(signals));
    let statistics = Arc::clone(&blueprint.statistics);
    let parts = FirmwareParts::new((*interface, *log), files, cpus, address_space, regions, statistics, failed)?;
    let boot = FirmwareBoot { code: clone(&files.code)?, region: Arc::clone(&parts.code) };
    Ok(Some((parts, boot)))
}

fn clone(file: &File) -> Result<File, MachineError> {
    file.try_clone().map_err(MachineError::Descriptor)
}

/// Ends a machine whose guest lacks memory.
fn failure_of_commits(signals: Arc<Signals>) -> Box<dyn Fn(CommitError) + Send + Sync> {
    Box::new(move |error| {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        signals.crashed(0, format!("the guest's memory could not be rearranged for its firmware: {error}: {cause}"));
    })
}

fn start_loader(blueprint: &Blueprint, payload: impl BootMethod + 'static, ram: &GuestRam) -> Result<Loader, VmError> {
    let (ram, context) = (ram.clone(), tables::boot_context(&blueprint.config));
    let body = move || payload.load(&ram, &context);
    let thread = blueprint.threads.spawn(ThreadRole::Loader, body).map_err(VmError::Thread)?;
    Ok(Loader(Some(thread)))
}

impl Loader {
    fn join(mut self) -> Result<Entry, VmError> {
        match self.0.take().map(JoinHandle::join) {
            Some(Ok(Ok(entry))) => Ok(entry?),
            Some(Ok(Err(refused))) => Err(VmError::Thread(refused)),
            Some(Err(_)) | None => Err(MachineError::Panicked("loader").into()),
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        // Only when the build has failed elsewhere: that error is the one to report.
        let _unwanted = self.0.take().map(JoinHandle::join);
    }
}

fn create_vcpus(
    blueprint: &Blueprint,
    vm: &KvmVm,
    topology: Topology,
    restore: bool,
) -> Result<Vec<KvmVcpu>, MachineError> {
    // Before the first vCPU exists, or the kernel refuses.
    let permitted = permit_dynamic_xstate();
    // Those that may come later have no vCPU yet.
    let present = usize::try_from(blueprint.config.cpus.boot).unwrap_or(usize::MAX);
    let vcpus = topology.apic_ids().take(present).map(|id| vm.create_vcpu(id)).collect::<Result<Vec<_>, _>>()?;
    if !restore {
        let supported = blueprint.kvm.supported_cpuid()?;
        setup::initialize(&vcpus, topology, supported.as_slice(), permitted, blueprint.kvm.capabilities())?;
    }
    Ok(vcpus)
}
