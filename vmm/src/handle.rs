//! The public handle of a machine.

mod balloon;

use crate::boot::BootError;
use crate::config::{ConfigError, VmConfig};
use crate::event::{StopReason, VmEvent};
use crate::event_stream::EventStream;
use crate::kvm::{KickSignal, KvmError};
use crate::lifecycle::{Driver, DriverThread, Refusal, Request, Shared, VmState};
use crate::machine::{Blueprint, Machine, MachineError};
use crate::memory::MappingError;
use crate::resources::{ResourceError, Resources};
use crate::statistics::{RingStatistics, Statistics, VmStatistics};
use crate::timeline::{BootTimeline, StartSource, Timeline, now_ns};
use balloon::BalloonControl;
use devices::backend::block::{DiskPort, DriveStatus, MediumError, RawDisk, RemovableDisk};
use devices::id::DeviceId;
use devices::virtio::console::ConsolePorts;
use devices::virtio::net::{NetPort, NetStatistics};
use devices::worker::RingUse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Builds machines: [`Vm::build`] is where everything begins.
#[derive(Debug)]
pub struct Vm;

/// What lies below an error: to be shown, not to be matched.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a machine cannot be built, or a request to it fails.
///
/// The text says what failed, and that of its [`source`](std::error::Error::source) why and what to do about it: print
/// them all, which is what `{:#}` of `anyhow` does.
///
/// ```
/// use std::error::Error;
/// use vmm::{Resources, Vm, VmConfig, VmError};
///
/// let error = Vm::build(VmConfig::default(), Resources::new()).unwrap_err();
/// assert!(matches!(error, VmError::Resources(_)));
/// let chain = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
/// let text: Vec<String> = chain.map(|error| error.to_string()).collect();
/// assert_eq!(
///     text.join(": "),
///     "The machine's resources do not fit its configuration: kernel has no resource: it needs the file of a kernel"
/// );
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VmError {
    /// The configuration is not one.
    #[error("The machine's configuration is not valid")]
    Config(#[from] ConfigError),
    /// Resources and configuration do not fit.
    #[error("The machine's resources do not fit its configuration")]
    Resources(#[from] ResourceError),
    /// KVM cannot do it.
    #[error("KVM cannot run the machine")]
    Kvm(#[source] Cause),
    /// Guest memory cannot be had.
    #[error("The machine's memory cannot be set up")]
    Memory(#[source] Cause),
    /// The kernel, the initrd or the command line cannot be loaded.
    #[error("The machine's payload cannot be loaded")]
    Boot(#[source] Cause),
    /// A device or a table cannot be made.
    #[error("The machine cannot be put together")]
    Machine(#[source] Cause),
    /// The host has no room for another thread.
    #[error("A thread of the machine cannot be started: raise the limit of processes (`ulimit -u`, the pids cgroup)")]
    Thread(#[source] io::Error),
    /// The request does not fit the machine's state.
    #[error("The request is refused")]
    Refused(#[from] Refusal),
    /// The machine has no such network device.
    #[error("{0} is not a network device of this machine")]
    NoSuchNet(DeviceId),
    /// The machine has no such drive.
    #[error("{0} is not a CD-ROM drive of this machine")]
    NoSuchDrive(DeviceId),
    /// The medium cannot be changed.
    #[error("The medium cannot be changed")]
    Medium(#[from] MediumError),
    /// The machine has no virtio console.
    #[error("This machine has no virtio console: configure one")]
    NoConsole,
    /// The machine has no balloon.
    #[error("This machine has no balloon: configure one")]
    NoBalloon,
    /// More than the guest has.
    #[error("The balloon cannot have {size} bytes: the machine has {memory}")]
    BalloonTooLarge {
        /// Bytes asked for.
        size: u64,
        /// Bytes of RAM.
        memory: u64,
    },
    /// The machine has no such disk.
    #[error("{0} is not a disk of this machine")]
    NoSuchDisk(DeviceId),
    /// The host does not do with a disk what it should.
    #[error("The disk stays as it is")]
    Disk(#[source] Cause),
    /// The thread that drives the machine has ended.
    #[error("The machine's driver thread has ended: this is a fault of the program, please report it")]
    DriverGone,
}

impl From<KvmError> for VmError {
    fn from(error: KvmError) -> Self {
        Self::Kvm(error.into())
    }
}

impl From<MappingError> for VmError {
    fn from(error: MappingError) -> Self {
        Self::Memory(error.into())
    }
}

impl From<BootError> for VmError {
    fn from(error: BootError) -> Self {
        Self::Boot(error.into())
    }
}

impl From<MachineError> for VmError {
    fn from(error: MachineError) -> Self {
        Self::Machine(error.into())
    }
}

impl Vm {
    /// Chooses the real-time signal (SIGRTMIN + `offset`) that takes vCPUs out of the guest, for programs that use the
    /// first one themselves. Its handler is the library's only process-wide state. To be called before the first machine
    /// is built; without it the first such signal is taken.
    ///
    /// ```
    /// vmm::Vm::use_signal(3)?;
    /// assert!(vmm::Vm::use_signal(4).is_err(), "it is chosen once");
    /// # Ok::<(), vmm::VmError>(())
    /// ```
    ///
    /// # Errors
    /// There is no such signal, the program handles it itself, or a machine of this process uses another one already.
    pub fn use_signal(offset: u8) -> Result<(), VmError> {
        KickSignal::install(offset)?;
        Ok(())
    }

    /// Builds a machine up to its first instruction, which [`VmHandle::start`] runs. Its memory is mapped, its payload
    /// loaded and its vCPUs' threads started, so that what a host cannot do is known here; no path is opened later.
    ///
    /// ```
    /// # mod tiny { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tiny.rs")); }
    /// # let Some((config, resources)) = tiny::machine(tiny::SAYS_HI) else { return Ok(()) };
    /// use vmm::{StopReason, Vm};
    ///
    /// let machine = Vm::build(config, resources)?;
    /// machine.start()?;
    /// assert_eq!(machine.wait(None), Some(StopReason::DebugExit { status: 42 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The configuration is refused, a resource is missing, left over or unusable, or the host cannot do it.
    pub fn build(config: VmConfig, resources: Resources) -> Result<VmHandle, VmError> {
        Self::build_since(config, resources, StartSource::Build, now_ns())
    }

    /// As [`Vm::build`], with the time at which the start began to the caller, for the [`BootTimeline`]:
    /// `process_start_ns` is CLOCK_MONOTONIC in nanoseconds, and `source` says what happened then.
    ///
    /// # Errors
    /// As [`Vm::build`].
    pub fn build_since(
        config: VmConfig,
        resources: Resources,
        source: StartSource,
        process_start_ns: u64,
    ) -> Result<VmHandle, VmError> {
        let timeline = Arc::new(Timeline::starting(source, process_start_ns));
        let blueprint = Blueprint::new(config, resources, Arc::clone(&timeline))?;
        let (threads, statistics) = (blueprint.threads.clone(), Arc::clone(&blueprint.statistics));
        let disks = blueprint.disks.iter().map(|(disk, port)| (disk.id.clone(), Arc::clone(port))).collect();
        let rings = Arc::clone(&blueprint.rings);
        let ports = blueprint.nets.iter().map(|net| (net.config.id.clone(), Arc::clone(&net.port))).collect();
        let media = blueprint.media.clone();
        let console = blueprint.virtio_console.as_ref().map(|console| Arc::clone(&console.ports));
        let balloon = BalloonControl::of(&blueprint);
        let shared = Arc::new(Shared::new());
        for net in &blueprint.nets {
            let (shared, net_id) = (Arc::clone(&shared), net.config.id.clone());
            net.port.when_gone(Box::new(move || shared.publish(&VmEvent::NetworkGone { net: net_id.clone() })));
        }
        let machine = Machine::build(&blueprint, Arc::clone(&shared), shared.boot())?;
        let driver = DriverThread::new(Driver::new(Arc::clone(&shared), blueprint, machine), threads);
        let control = Control { shared, timeline, statistics, ports, media, disks, rings, console, balloon, driver };
        Ok(VmHandle { control: Arc::new(control) })
    }
}

/// Controls one machine, from any thread. Clones control the same one; when the last is dropped the machine is stopped.
///
/// Requests are carried out one after the other, all but the first by the machine's own thread, and each method returns when
/// its request is done. What does not fit the machine's state ([`VmState`] draws them) is refused with [`VmError::Refused`].
///
/// ```
/// # mod tiny { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tiny.rs")); }
/// # let Some((config, resources)) = tiny::machine(tiny::SLEEPS) else { return Ok(()) };
/// use vmm::{Refusal, StopReason, Vm, VmError, VmState};
///
/// let machine = Vm::build(config, resources)?;
/// assert!(matches!(machine.pause(), Err(VmError::Refused(Refusal::NotStarted))));
/// machine.start()?;
/// machine.pause()?;
/// machine.pause()?; // It is so already.
/// assert_eq!(machine.state(), VmState::Paused);
/// machine.resume()?;
/// machine.reset()?;
/// machine.stop()?;
/// assert_eq!(machine.wait(None), Some(StopReason::Requested));
/// assert!(matches!(machine.start(), Err(VmError::Refused(Refusal::Stopped))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct VmHandle {
    control: Arc<Control>,
}

#[derive(Debug)]
struct Control {
    shared: Arc<Shared>,
    timeline: Arc<Timeline>,
    statistics: Arc<Statistics>,
    ports: BTreeMap<DeviceId, Arc<NetPort>>,
    media: BTreeMap<DeviceId, Arc<RemovableDisk>>,
    console: Option<Arc<ConsolePorts>>,
    balloon: Option<BalloonControl>,
    disks: BTreeMap<DeviceId, Arc<DiskPort>>,
    rings: Arc<RingUse>,
    driver: DriverThread,
}

impl Control {
    fn ask(&self, request: Request) -> Result<(), VmError> {
        self.shared.ask(request, || self.driver.attend())
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A machine that has stopped already ignores it.
        let _ignored = self.ask(Request::Stop);
        self.driver.join();
    }
}

impl VmHandle {
    /// Takes the disks' locks and lets the vCPUs run; does not wait for the guest. A machine for whose other threads the host
    /// has no room stops as [`StopReason::Crashed`].
    ///
    /// # Errors
    /// The machine was started already, has stopped, or a disk is in use by another process.
    pub fn start(&self) -> Result<(), VmError> {
        self.control.ask(Request::Start)
    }

    /// Stops all vCPUs and has the host finish what devices began; returns when both is done. Until the machine goes on,
    /// its memory does not change. A machine that is paused already stays so.
    ///
    /// # Errors
    /// The machine is not running, or a host request does not end in time; the machine then runs on.
    pub fn pause(&self) -> Result<(), VmError> {
        self.control.ask(Request::Pause)
    }

    /// Lets a paused machine go on; its clocks have advanced by the time that passed. A machine that runs goes on to.
    ///
    /// # Errors
    /// The machine was not started, or has stopped.
    pub fn resume(&self) -> Result<(), VmError> {
        self.control.ask(Request::Resume)
    }

    /// Resets the machine as its reset button would, whatever `on_reboot` says: it starts again from its payload, with the
    /// same descriptors. A paused machine stays paused, at its first instruction.
    ///
    /// # Errors
    /// The machine was not started, or has stopped.
    pub fn reset(&self) -> Result<(), VmError> {
        self.control.ask(Request::Reset)
    }

    /// Presses the power button: whether and when the machine switches itself off is up to its guest. A paused machine
    /// sees it when it goes on.
    ///
    /// # Errors
    /// The machine was not started, has stopped, or its board has no power button (microvm without ACPI).
    pub fn power_button(&self) -> Result<(), VmError> {
        self.control.ask(Request::PowerButton)
    }

    /// Plugs the cable of network device `net` in or out, at any time; the guest is told. It stays so through resets.
    /// Where the network behind it has gone ([`VmEvent::NetworkGone`]), the link stays down.
    ///
    /// # Errors
    /// There is no such network device.
    pub fn set_link_up(&self, net: &DeviceId, up: bool) -> Result<(), VmError> {
        self.port(net)?.set_link_up(up);
        Ok(())
    }

    /// Asks the guest to tell the network where network device `net` is now, as after a move to another host; `false` when
    /// its driver cannot be asked.
    ///
    /// # Errors
    /// There is no such network device.
    pub fn announce(&self, net: &DeviceId) -> Result<bool, VmError> {
        Ok(self.port(net)?.announce())
    }

    /// What went through network device `net` since the machine was built.
    ///
    /// # Errors
    /// There is no such network device.
    pub fn net_statistics(&self, net: &DeviceId) -> Result<NetStatistics, VmError> {
        Ok(self.port(net)?.statistics())
    }

    /// Looks at the host's size of disk `disk`, which somebody may have changed, tells the guest of a new one, and returns
    /// it in bytes. At any time.
    ///
    /// # Errors
    /// There is no such disk; the host does not tell its size, or it does not fit sectors of 512 bytes: the disk then
    /// stays as it was.
    pub fn refresh_disk(&self, disk: &DeviceId) -> Result<u64, VmError> {
        let port = self.control.disks.get(disk).ok_or_else(|| VmError::NoSuchDisk(disk.clone()))?;
        port.refresh().map_err(|error| VmError::Disk(error.into()))
    }

    fn port(&self, net: &DeviceId) -> Result<&NetPort, VmError> {
        self.control.ports.get(net).map(Arc::as_ref).ok_or_else(|| VmError::NoSuchNet(net.clone()))
    }

    /// Puts the disc `medium` into drive `drive`, in place of the one that is there; the guest is told. It stays so
    /// through resets.
    ///
    /// # Errors
    /// There is no such drive; the file is no disc, or in use by another process; the guest keeps the disc that is
    /// there, and is asked for it.
    pub fn insert_medium(&self, drive: &DeviceId, medium: File) -> Result<(), VmError> {
        let slot = self.slot(drive)?;
        let disc = RawDisk::new(drive.clone(), medium, true).map_err(MediumError::from)?;
        Ok(slot.insert(Arc::new(disc), false)?)
    }

    /// Takes the disc out of drive `drive`; the guest is told. An empty drive stays empty.
    ///
    /// # Errors
    /// There is no such drive; the guest keeps the disc, and is asked for it, unless `force` says that it is pulled out.
    pub fn eject_medium(&self, drive: &DeviceId, force: bool) -> Result<(), VmError> {
        Ok(self.slot(drive)?.eject(force)?)
    }

    /// Whether drive `drive` has a disc, and what the guest does with it.
    ///
    /// # Errors
    /// There is no such drive.
    pub fn drive_status(&self, drive: &DeviceId) -> Result<DriveStatus, VmError> {
        Ok(self.slot(drive)?.status())
    }

    fn slot(&self, drive: &DeviceId) -> Result<&RemovableDisk, VmError> {
        self.control.media.get(drive).map(Arc::as_ref).ok_or_else(|| VmError::NoSuchDrive(drive.clone()))
    }

    /// Ends the machine at once, as pulling its plug would; returns when all its threads have ended.
    ///
    /// # Errors
    /// The machine's driver thread has died, which is a fault of the program.
    pub fn stop(&self) -> Result<(), VmError> {
        let result = self.control.ask(Request::Stop);
        self.control.driver.join();
        result
    }

    /// Waits until the machine has stopped and its threads have ended, and says why, as often as it is asked; `None` when
    /// `timeout` passes first, and only then.
    pub fn wait(&self, timeout: Option<Duration>) -> Option<StopReason> {
        let reason = self.control.shared.wait(timeout)?;
        self.control.driver.join();
        Some(reason)
    }

    /// The virtio console has so many columns and rows, of which the guest is told. It stays so through resets.
    ///
    /// # Errors
    /// The machine has no virtio console.
    pub fn resize_console(&self, columns: u16, rows: u16) -> Result<(), VmError> {
        self.control.console.as_ref().ok_or(VmError::NoConsole)?.set_size(columns, rows);
        Ok(())
    }

    /// Where the machine is in its life.
    pub fn state(&self) -> VmState {
        self.control.shared.state()
    }

    /// Everything that happens from now on: a stream of the caller's own. Subscribe before [`VmHandle::start`] to miss
    /// nothing; once the machine has stopped, the stream holds that.
    pub fn events(&self) -> EventStream {
        self.control.shared.subscribe()
    }

    /// What the machine did since it was built. At any time, also when it has stopped; costs the guest nothing.
    ///
    /// ```
    /// # mod tiny { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tiny.rs")); }
    /// # let Some((config, resources)) = tiny::machine(tiny::SAYS_HI) else { return Ok(()) };
    /// let machine = vmm::Vm::build(config, resources)?;
    /// machine.start()?;
    /// machine.wait(None);
    /// let statistics = machine.statistics();
    /// assert_eq!(statistics.exits[0].port_writes, 4, "three to the serial port, one to the debug-exit port");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn statistics(&self) -> VmStatistics {
        let disks = self.control.disks.iter().map(|(id, port)| (id.clone(), port.statistics())).collect();
        let rings = RingStatistics { made: self.control.rings.made(), refused: self.control.rings.refused() };
        VmStatistics { disks, rings, ..self.control.statistics.snapshot() }
    }

    /// When each step of the first start was done, as far as it has come.
    ///
    /// ```
    /// # mod tiny { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tiny.rs")); }
    /// # let Some((config, resources)) = tiny::machine(tiny::SAYS_HI) else { return Ok(()) };
    /// let machine = vmm::Vm::build(config, resources)?;
    /// machine.start()?;
    /// machine.wait(None);
    /// let timeline = machine.boot_timeline();
    /// let first = timeline.first_kvm_run_ns.ok_or("no vCPU ran")?;
    /// assert!(timeline.process_start_ns < first);
    /// assert!(Some(first) < timeline.first_console_output_ns);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn boot_timeline(&self) -> BootTimeline {
        self.control.timeline.snapshot()
    }
}
