//! The machine that the bench runs on.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::report::{Section, Table};

/// Whether machines can be run here; if not, why.
///
/// # Errors
/// `/dev/kvm` cannot be opened.
pub fn kvm() -> Result<(), String> {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/kvm");
    opened.map(drop).map_err(|error| format!("/dev/kvm cannot be opened: {error}"))
}

/// Whether KVM is here without a processor that has VMX or SVM: guests' privileged code is emulated then.
pub fn is_pvm() -> bool {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let hardware = flags.lines().filter(|line| line.starts_with("flags")).flat_map(str::split_ascii_whitespace);
    kvm().is_ok() && !hardware.into_iter().any(|flag| flag == "vmx" || flag == "svm")
}

/// What the report says of the machine and of the programs on it.
pub fn section(launcher: &Path, seed: u64) -> Section {
    let mut section = Section::new("The machine");
    let mut table = Table::new("What the bench ran on", ["what", "found"]);
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    table.row(["kernel", &read("/proc/sys/kernel/osrelease")]);
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    table.row(["processor", model.map_or("", |(_, name)| name.trim())]);
    table.row(["CPUs", &std::thread::available_parallelism().map_or(0, usize::from).to_string()]);
    let memory = read("/proc/meminfo");
    table.row([
        "memory",
        memory.lines().next().and_then(|line| line.split_once(':')).map_or("", |(_, size)| size.trim()),
    ]);
    table.row(["load before the bench", &read("/proc/loadavg")]);
    for peer in ["firecracker", "cloud-hypervisor", "qemu-system-x86_64"] {
        table.row([peer, &first_line(peer, &["--version"]).unwrap_or_else(|| "not on PATH".to_owned())]);
    }
    table.row(["date", &first_line("date", &["--utc", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_default()]);
    table.row(["revision", &first_line("git", &["describe", "--always", "--dirty"]).unwrap_or_default()]);
    table.row(["seed", &seed.to_string()]);
    table.row(["arguments", &std::env::args().skip(1).collect::<Vec<_>>().join(" ")]);
    section.table(table);
    if let Some(text) = output(&launcher.display().to_string(), &["doctor"]) {
        section.listing("launcher doctor", text);
    }
    section
}

/// What a program prints; `None` where it cannot be run.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    output(program, arguments)?.lines().next().map(str::to_owned)
}
