//! Part *memory*: what a machine takes beyond its guest's memory.

mod binary;
mod cgroup;
mod smaps;
mod traffic;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::context::Context;
use crate::host;
use crate::machines::{self, Guest, Kind, MEMORY_MIB, Place, Subject};
use crate::monotonic::now_ns;
use crate::report::{Goal, Section, Table};
use cgroup::Group;
pub use smaps::Taken;
pub(crate) use smaps::of_process;
use traffic::Datagrams;

/// Numbers of vCPUs that are looked at.
const CPUS: [u32; 3] = [1, 2, 32];
/// The figure that the goal is about.
const BEYOND: &str = "memory beyond guest RAM after traffic";
/// What the bare library may take with one vCPU, disk and network.
const BARE_KIB: f64 = 5.0 * 1024.0;

/// What one machine takes, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its process.
    pub taken: Taken,
    /// The kernel, for its process; `None`: this host has no control group for it.
    pub kernel_kib: Option<u64>,
}

/// Measures.
///
/// # Errors
/// A machine cannot be run.
pub fn run(context: &mut Context) -> Result<Section> {
    let mut section = Section::new("Memory");
    section.text(format!(
        "The proportional set size of the machine's process, less the pages of guest RAM that are mapped, after {} s in which \
         the guest used its disk and its network. Builds are linked statically.",
        context.options.seconds
    ));
    binaries(context, &mut section)?;
    if let Err(why) = host::kvm() {
        section.not_run("any machine", why);
        return Ok(section);
    }
    if let Err(why) = &context.network {
        section.not_run("traffic on a network", why.clone());
    }
    if let Err(why) = Group::new() {
        section.not_run("kernel memory by control group", why);
    }
    let place = Place::new(0, context.network.is_ok())?;
    let (subjects, _) = machines::subjects(&context.built);
    let mut table =
        Table::new("KiB after traffic", ["series", "vCPUs", "beyond guest RAM", "guest RAM mapped", "kernel memory"]);
    for subject in subjects.iter().filter(|subject| subject.is_ours()) {
        for cpus in CPUS {
            let found = match after_traffic(subject, &context.built.guest, cpus, context.options.seconds, &place) {
                Ok(found) => found,
                Err(error) => {
                    section.not_run(&format!("{} with {cpus} vCPUs", subject.name), format!("{error:#}"));
                    continue;
                }
            };
            let series = format!("{}, {cpus} vCPUs", subject.name);
            context.samples.push(BEYOND, &series, "KiB", 0, kib(found.taken.beyond));
            let kernel = found.kernel_kib.map_or_else(|| "-".to_owned(), |kib| kib.to_string());
            let Taken { guest, beyond } = found.taken;
            table.row([subject.name.clone(), cpus.to_string(), beyond.to_string(), guest.to_string(), kernel]);
            if cpus == 1 && matches!(subject.kind, Kind::BareVmm(_)) {
                section.goal(Goal {
                    aim: format!("{}, one vCPU: at most 5 MiB beyond guest RAM", subject.name),
                    met: Some(kib(beyond) <= BARE_KIB),
                    found: format!("{:.2} MiB", kib(beyond) / 1024.0),
                });
            }
        }
    }
    section.table(table);
    Ok(section)
}

/// KiB as a measurement.
#[allow(clippy::cast_precision_loss)] // 2^53 KiB are more than there is
pub(crate) fn kib(kib: u64) -> f64 {
    kib as f64
}

/// Sizes of our programs.
fn binaries(context: &mut Context, section: &mut Section) -> Result<()> {
    let mut table = Table::new("Programs, KiB without symbols and debug information", ["program", "KiB"]);
    let (subjects, _) = machines::subjects(&context.built);
    let mut seen = Vec::new();
    for subject in subjects.iter().filter(|subject| subject.is_ours() || subject.kind == Kind::Floor) {
        if seen.contains(&&subject.program) {
            continue;
        }
        seen.push(&subject.program);
        let name = subject.program.file_name().unwrap_or_default().to_string_lossy();
        let name =
            if subject.revision.is_empty() { name.into_owned() } else { format!("{name} @{}", subject.revision) };
        let size = binary::loaded_kib(&subject.program)?;
        context.samples.push("size of the program", &name, "KiB", 0, size);
        table.row([name, format!("{size:.0}")]);
    }
    section.table(table);
    Ok(())
}

/// What a machine of `subject`'s takes when its guest has used its disk, and the place's network, for about so many
/// `seconds`.
///
/// # Errors
/// It cannot be run, or its guest fails.
pub fn after_traffic(subject: &Subject, image: &Path, cpus: u32, seconds: u32, place: &Place) -> Result<Found> {
    place.renew_disk()?;
    let network = place.held_tap.is_some();
    let script = traffic::script(seconds, network);
    let arguments = subject.kind.arguments(&Guest { image, script: &script, cpus }, place)?;
    let group = Group::new().ok();
    let mut command = match &group {
        // It is in the group before it is itself, so that all it takes is charged there.
        Some(group) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "echo 0 > \"$0\" && exec \"$@\""]).arg(group.processes()).arg(&subject.program);
            shell
        }
        None => Command::new(&subject.program),
    };
    let errors = place.errors().join("stderr");
    command.args(arguments).env("PODVISOR_START_NS", now_ns().to_string()).env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors).context("Cannot make a file")?);
    let mut machine = Running(command.spawn().with_context(|| format!("Cannot run {}", subject.program.display()))?);
    let _datagrams = network.then(|| Datagrams::to(place)).transpose()?;
    machine.until("done").with_context(|| format!("it said: {}", last_line(&errors)))?;
    // The machine is idle now, and keeps what it took.
    let taken = of_process(machine.0.id(), MEMORY_MIB << 10)?;
    Ok(Found { taken, kernel_kib: group.as_ref().and_then(Group::kernel_kib) })
}

fn last_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next_back().unwrap_or("nothing").to_owned()
}

/// A machine's process, which ends with its owner.
struct Running(Child);

impl Running {
    /// Reads its output up to the line `end`.
    fn until(&mut self, end: &str) -> Result<()> {
        let output = self.0.stdout.take().context("No standard output")?;
        for line in BufReader::new(output).lines() {
            let line = line.context("Cannot read the guest's output")?;
            match line.trim_end() {
                line if line == end => return Ok(()),
                line if line.starts_with("fail ") || line.starts_with("fault ") => bail!("The guest says: {line}"),
                _ => {}
            }
        }
        bail!("The machine ended before its guest was done")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
