//! One machine through its whole life.

use crate::{errors, events, figures};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Write, pipe};
use std::time::Duration;
use vmm::{
    BalloonConfig, ConsoleConfig, DeviceId, DiskBus, DiskConfig, DiskKind, EventStream, KERNEL, PayloadConfig,
    Resource, Resources, SERIAL, StopReason, Vm, VmConfig, VmError, VmHandle, VmState, kvm_capabilities,
};

/// Bytes of a disk.
const DISK: u64 = 1 << 20;

/// What a program may do with what it holds.
fn may_be_shared<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
fn may_be_sent<T: Send + Sync + std::fmt::Debug>(_: &T) {}

fn configuration() -> VmConfig {
    let drive = DiskConfig { bus: DiskBus::Scsi, kind: DiskKind::Cdrom, ..DiskConfig::new("cdrom0") };
    let mut config = VmConfig {
        payload: PayloadConfig::kernel("blk=0,sum:0:8 wait wait poweroff"),
        disks: vec![DiskConfig { readonly: true, ..DiskConfig::new("disk0") }, drive],
        console: Some(ConsoleConfig::new("console0")),
        balloon: Some(BalloonConfig::new("balloon0")),
        ..VmConfig::default()
    };
    config.memory.boot = 64 << 20;
    config
}

/// A disk that has no name.
fn disk() -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!("downstream-{}", std::process::id()));
    let disk = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    disk.set_len(DISK)?;
    Ok(disk)
}

/// The machine, and both ends of its serial port.
fn build(kernel: &str) -> Result<(VmHandle, PipeWriter, BufReader<PipeReader>), Box<dyn Error>> {
    let kvm = || File::options().read(true).write(true).open("/dev/kvm");
    figures::lacks(&kvm_capabilities(kvm()?.into())?);
    let (input, ours) = pipe()?;
    let (theirs, output) = pipe()?;
    let mut resources = Resources::new();
    resources.kvm = Some(kvm()?.into());
    resources.insert(KERNEL, File::open(kernel)?)?;
    resources.insert("disk0", disk()?)?;
    resources.insert(SERIAL, Resource::Stream { input: Some(input.into()), output: Some(output.into()) })?;
    Vm::use_signal(1)?;
    let machine = Vm::build(configuration(), resources)?;
    Ok((machine, ours, BufReader::new(theirs)))
}

fn wait_for(word: &str, output: &mut impl BufRead) -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    while line.trim() != word {
        line.clear();
        if output.read_line(&mut line)? == 0 {
            return Err(format!("the guest never said {word}").into());
        }
    }
    Ok(())
}

pub fn runs(kernel: &str) -> Result<(), Box<dyn Error>> {
    let (machine, mut input, mut output) = build(kernel)?;
    let events: EventStream = machine.events();
    may_be_shared(&machine);
    may_be_sent(&events);
    assert_eq!((machine.state(), machine.wait(Some(Duration::ZERO))), (VmState::Built, None));
    machine.start()?;
    wait_for("waiting", &mut output)?;
    assert_eq!(events.next(None).as_ref().map(events::told), Some("started".into()));

    refuses_what_it_has_not(&machine);
    changes_what_it_has(&machine)?;
    machine.pause()?;
    machine.power_button()?;
    machine.resume()?;
    machine.reset()?;
    wait_for("waiting", &mut output)?;
    input.write_all(b"1")?;
    wait_for("waiting", &mut output)?;
    input.write_all(b"2")?;
    assert_eq!(machine.clone().wait(None), Some(StopReason::PoweredOff));

    let told: Vec<String> = events.iter().map(|event| events::told(&event)).collect();
    assert_eq!(told, ["paused", "running", "reset by a request", "switched off"]);
    let (operations, exits, chains) = figures::sums(&machine.statistics());
    assert!(operations > 0 && exits > 0 && chains > 0, "{operations} {exits} {chains}");
    let steps = figures::steps(&machine.boot_timeline());
    assert_eq!(steps.len(), 6, "{steps:?}");
    machine.stop()?; // It is so already.
    Ok(())
}

fn refuses_what_it_has_not(machine: &VmHandle) {
    let (net, elsewhere) = (DeviceId::from("net0"), DeviceId::from("disk0"));
    let refused: [Result<(), VmError>; 8] = [
        machine.start(),
        machine.set_link_up(&net, true),
        machine.announce(&net).map(drop),
        machine.net_statistics(&net).map(|statistics| assert_eq!(figures::frames(&statistics), (0, 0))),
        machine.refresh_disk(&net).map(drop),
        machine.eject_medium(&elsewhere, true),
        machine.drive_status(&elsewhere).map(drop),
        machine.set_balloon(1 << 40),
    ];
    let blamed = refused.map(|result| errors::blame(&result.expect_err("refused")));
    assert_eq!(
        blamed,
        ["the time", "the name", "the name", "the name", "the name", "the name", "the name", "the machine"]
    );
}

fn changes_what_it_has(machine: &VmHandle) -> Result<(), Box<dyn Error>> {
    let drive = DeviceId::from("cdrom0");
    assert_eq!(machine.refresh_disk(&"disk0".into())?, DISK);
    assert!(!figures::has_disc(machine.drive_status(&drive)?));
    machine.insert_medium(&drive, disk()?)?;
    assert!(figures::has_disc(machine.drive_status(&drive)?));
    machine.eject_medium(&drive, false)?;
    machine.resize_console(80, 25)?;
    machine.set_balloon(1 << 20)?;
    machine.request_balloon_statistics()?;
    assert_eq!(figures::given(&machine.balloon()?), 0, "the guest has no driver for it");
    Ok(())
}
