//! Every error that a program can tell from others, and what it says.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use vmm::{
    ConfigError, DeviceId, DiskError, FIRMWARE, HostCpus, HostCpusError, INITRD, KERNEL, MacAddress, MacAddressError,
    MachineUuid, MachineUuidError, MediumError, PayloadConfig, Refusal, Resource, ResourceError, Resources, SERIAL,
    TapError, TopologyError, VARIABLES, VhostError, Vm, VmConfig, VmError, kvm_capabilities, open_tap, open_vhost_net,
    port_of, rom_of, vhost_of,
};

/// An error with its causes, as a user would print it.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whose fault it is: what a program decides by the kind of an error.
pub fn blame(error: &VmError) -> &'static str {
    match error {
        VmError::Config(ConfigError::Topology(TopologyError::Empty { .. })) => "the topology",
        VmError::Config(_) => "the configuration",
        VmError::Resources(ResourceError::Twice(_) | ResourceError::Unused(_)) => "too many resources",
        VmError::Resources(ResourceError::Missing(..) | ResourceError::WrongSort(..)) => "too few resources",
        VmError::Kvm(_) | VmError::Memory(_) | VmError::Thread(_) => "the host",
        VmError::Boot(_) => "the kernel",
        VmError::Machine(_) | VmError::Disk(_) => "a descriptor",
        VmError::Refused(Refusal::NotStarted | Refusal::AlreadyStarted | Refusal::Stopped) => "the time",
        VmError::NoSuchNet(_) | VmError::NoSuchDrive(_) | VmError::NoSuchDisk(_) => "the name",
        VmError::NoConsole | VmError::NoBalloon | VmError::BalloonTooLarge { size: _, memory: _ } => "the machine",
        VmError::Medium(MediumError::Locked(_)) => "the guest",
        VmError::Medium(MediumError::Disk(DiskError::InUse(_))) => "another process",
        VmError::DriverGone => "the library",
        _ => "something that came later",
    }
}

/// What is built from the default configuration and these resources is refused so.
#[track_caller]
fn refused(resources: Resources, whose: &str, text: &str) {
    let error = Vm::build(VmConfig::default(), resources).expect_err("refused");
    assert_eq!((blame(&error), chain(&error).as_str()), (whose, text));
}

fn resources<const N: usize>(ids: [&str; N]) -> Result<Resources, Box<dyn Error>> {
    let mut resources = Resources::new();
    for id in ids {
        resources.insert(id, File::open("/dev/null")?)?;
    }
    Ok(resources)
}

pub fn are_as_they_were() -> Result<(), Box<dyn Error>> {
    let does_not_fit = "The machine's resources do not fit its configuration";
    let missing = format!("{does_not_fit}: kernel has no resource: it needs the file of a kernel");
    refused(Resources::default(), "too few resources", &missing);
    for id in [INITRD, FIRMWARE, VARIABLES, "disk0"] {
        let unused = format!("{does_not_fit}: A resource is given for {id}, but the configuration has no such device");
        refused(resources([KERNEL, id])?, "too many resources", &unused);
    }
    let mut wrong = Resources::new();
    wrong.insert(KERNEL, Resource::Stream { input: None, output: None })?;
    let sort = format!("{does_not_fit}: The resource of kernel is of the wrong sort: it needs the file of a kernel");
    refused(wrong, "too few resources", &sort);
    let mut twice = resources([SERIAL])?;
    let error = twice.insert(SERIAL, File::open("/dev/null")?).expect_err("twice");
    assert!(matches!(error, ResourceError::Twice(id) if id == DeviceId::from(SERIAL)));

    let net = DeviceId::new("net0");
    assert_eq!(
        [rom_of(&net), vhost_of(&net), port_of("a")].map(|id| id.to_string()),
        ["rom:net0", "vhost:net0", "port:a"]
    );
    let config = VmConfig { payload: PayloadConfig::kernel("\0"), ..VmConfig::default() };
    let error = Vm::build(config, Resources::new()).expect_err("a NUL");
    assert_eq!(
        (blame(&error), matches!(error, VmError::Config(ConfigError::BadCmdline(0)))),
        ("the configuration", true)
    );

    assert_eq!("0-".parse::<HostCpus>(), Err(HostCpusError::Malformed("0-".into())));
    assert!(matches!("9999".parse::<HostCpus>(), Err(HostCpusError::TooHigh(9999))));
    let error: MachineUuidError = "1".parse::<MachineUuid>().expect_err("too short");
    assert!(error.to_string().starts_with("\"1\" is no UUID: write"));
    let error: MacAddressError = MacAddress::new([0xff; 6]).expect_err("everybody's");
    assert!(!error.to_string().is_empty());
    assert!(matches!(open_tap("a-name-that-is-too-long", 1), Err(TapError::BadName(_))));
    assert!(matches!(open_vhost_net(Path::new("/nowhere"), 1), Err(VhostError::Open { .. })));
    let error = kvm_capabilities(File::open("/dev/null")?.into()).expect_err("no /dev/kvm");
    assert_eq!(blame(&error), "the host");
    Ok(())
}
