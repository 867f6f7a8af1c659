//! One machine from its configuration to its end.

use crate::console::{Console, ConsoleError, MessageWriter, RunningConsole, message};
use crate::doctor;
use crate::exit::{Request, chain};
use crate::report::{self, ReportFormat};
use crate::resources::{self, OpenError};
use crate::run_config::RunConfig;
use crate::shutdown::{Grace, Shutdown, Step};
use crate::signals;
use crate::start_time::StartTime;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use thiserror::Error;
use vmm::{ConfigError, EventStream, PayloadConfig, ResourceError, SERIAL, StopReason, Vm, VmError, VmEvent, VmHandle};

/// Why a machine did not run.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    #[error("Cannot run this machine")]
    Config(#[source] ConfigError),
    #[error(
        "Firmware cannot run on this host: its KVM is PVM, which emulates what firmware does, slowly and incompletely \
         (see launcher doctor). Use a host with VMX or SVM, or run the machine in an emulated one"
    )]
    Pvm,
    #[error("Cannot open what the machine needs")]
    Open(#[from] OpenError),
    #[error("Cannot open the machine's console")]
    Console(#[source] ConsoleError),
    #[error("Cannot connect the machine's console")]
    Serial(#[source] ResourceError),
    #[error("Cannot watch for signals: raise the limits of processes and open files (`ulimit -u`, `-n`)")]
    Signals(#[source] std::io::Error),
    #[error("Cannot start a thread: raise the limit of processes (`ulimit -u`, the pids cgroup)")]
    Thread(#[source] std::io::Error),
    #[error("Cannot build the machine")]
    Build(#[source] VmError),
    #[error("Cannot start the machine")]
    Start(#[source] VmError),
    #[error("Cannot stop the machine")]
    Stop(#[source] VmError),
    #[error("The machine ended without saying why: this is a bug of the launcher")]
    Lost,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the machine says.
    pub(crate) reason: StopReason,
    /// Who asked for it first, if it was not the guest.
    pub(crate) request: Option<Request>,
    /// The grace period, when the guest let it pass.
    pub(crate) overdue: Option<Grace>,
}

/// What the main thread waits for.
enum Wake {
    /// Somebody asks the machine to stop.
    Asked(Request),
    /// It has stopped.
    Stopped,
}

/// Runs `config` to its end.
///
/// # Errors
/// It is refused, a part is missing, or the host cannot run it.
pub(crate) fn run(
    config: RunConfig,
    grace: Grace,
    report: Option<ReportFormat>,
    start: StartTime,
) -> Result<Outcome, RunError> {
    config.vm.validate().map_err(RunError::Config)?;
    let resources::Opened { mut resources, console, virtio_console, sockets: _sockets } = resources::open(&config)?;
    if matches!(config.vm.payload, PayloadConfig::Firmware { .. }) && doctor::is_pvm() {
        return Err(RunError::Pvm);
    }
    let (wake, woken) = channel();
    let _signals = {
        let wake = wake.clone();
        // Nobody listens any more: the process is ending already.
        signals::watch(move |signal| drop(wake.send(Wake::Asked(Request::Signal(signal)))))
            .map_err(RunError::Signals)?
    };
    let (console, serial) = Console::serial(&console).map_err(RunError::Console)?;
    resources.insert(SERIAL, serial).map_err(RunError::Serial)?;
    let mut consoles = vec![console];
    if let Some((id, arg)) = virtio_console {
        let (console, stream) = Console::virtio(&arg).map_err(RunError::Console)?;
        resources.insert(id.as_str(), stream).map_err(RunError::Serial)?;
        consoles.push(console);
    }
    let machine = Vm::build_since(config.vm, resources, start.source, start.ns).map_err(RunError::Build)?;
    let outcome = drive(&machine, consoles, grace, &wake, &woken);
    if let Some(format) = report {
        // Nobody may be reading.
        let _ =
            MessageWriter.write_all(report::render(&machine.boot_timeline(), &machine.statistics(), format).as_bytes());
    }
    outcome
}

/// Starts the machine and waits for its end, whoever brings it about.
fn drive(
    machine: &VmHandle,
    consoles: Vec<Console>,
    grace: Grace,
    wake: &Sender<Wake>,
    woken: &Receiver<Wake>,
) -> Result<Outcome, RunError> {
    let events = tell_events(machine.events(), wake.clone()).map_err(RunError::Thread)?;
    let consoles = consoles.into_iter().map(|console| {
        let wake = wake.clone();
        console.start(move || drop(wake.send(Wake::Asked(Request::Leave)))).map_err(RunError::Console)
    });
    let consoles = consoles.collect::<Result<Vec<_>, _>>()?;
    machine.start().map_err(RunError::Start)?;
    consoles.iter().for_each(RunningConsole::tell);
    let (request, overdue) = wait_for_end(machine, grace, woken)?;
    let reason = machine.wait(None).ok_or(RunError::Lost)?;
    // A panic has been printed by its hook.
    let _ = events.join();
    // The machine's threads have ended: what is in the console's pipes is all there will be.
    drop(consoles);
    Ok(Outcome { reason, request, overdue })
}

/// Waits until the machine has stopped, and brings that about when somebody asks: says who asked first, and the grace
/// period if the guest let it pass.
fn wait_for_end(
    machine: &VmHandle,
    grace: Grace,
    woken: &Receiver<Wake>,
) -> Result<(Option<Request>, Option<Grace>), RunError> {
    let mut shutdown = Shutdown::new(grace);
    let (mut request, mut overdue) = (None, None);
    loop {
        let wake = match shutdown.patience(Instant::now()) {
            Some(patience) => woken.recv_timeout(patience),
            None => woken.recv().map_err(RecvTimeoutError::from),
        };
        let now = Instant::now();
        let (asked, step) = match wake {
            Ok(Wake::Stopped) | Err(RecvTimeoutError::Disconnected) => return Ok((request, overdue)),
            Ok(Wake::Asked(asked)) => (Some(asked), shutdown.asked(now)),
            Err(RecvTimeoutError::Timeout) => (None, shutdown.passed(now)),
        };
        request = request.or(asked);
        match step {
            Step::Wait => {}
            Step::Press => {
                if press(machine)?
                    && let Some(asked) = asked
                {
                    message(&asked.announcement(grace));
                }
            }
            Step::Stop => {
                overdue = asked.is_none().then_some(grace);
                machine.stop().map_err(RunError::Stop)?;
            }
        }
    }
}

/// Presses the power button; a machine that has none is stopped. `true`: it is up to the guest now.
fn press(machine: &VmHandle) -> Result<bool, RunError> {
    match machine.power_button() {
        Ok(()) => Ok(true),
        // It has stopped by itself just now: that is told next.
        Err(VmError::Refused(_)) => Ok(false),
        Err(error) => {
            message(&format!("The guest cannot be asked to power off: {}", chain(&error)));
            machine.stop().map_err(RunError::Stop)?;
            Ok(false)
        }
    }
}

/// Logs what happens to the machine, and wakes the main thread when it has stopped.
fn tell_events(events: EventStream, wake: Sender<Wake>) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("events".into()).spawn(move || {
        while let Some(event) = events.next(None) {
            match event {
                VmEvent::Reset { source } => tracing::info!("The machine starts again: reset by {source}"),
                VmEvent::NothingToBoot { message } => tracing::warn!(
                    "The firmware found nothing to start and waits ({message:?}): see that a disk has a boot loader for it"
                ),
                VmEvent::DiskStopped { disk, error } => tracing::warn!(
                    "The machine is paused: the host failed a request of {disk} ({error}), which is tried again when it goes on"
                ),
                VmEvent::Stopped(reason) => {
                    tracing::info!(?reason, "The machine has stopped");
                    break;
                }
                other => tracing::debug!(event = ?other, "The machine's state has changed"),
            }
        }
        // Nobody listens any more: the process is ending already.
        drop(wake.send(Wake::Stopped));
    })
}
