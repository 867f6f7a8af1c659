//! `launcher doctor`: what this host offers to machines, and what follows from what it lacks.
//!
//! Each subject has a file of its own that makes one or more [`Finding`]s. Everything that is read of the host as a
//! file is read below the root of a [`Host`], so that tests can show hosts that lack things.

mod access;
mod acl;
mod capabilities;
mod device;
mod finding;
mod host;
mod huge_pages;
mod io_uring;
mod kernel;
mod kvm_device;
mod landlock;
mod memory;
mod processor;
mod report;
mod user_namespaces;

use finding::Finding;
use host::Host;
use processor::{Processor, Virtualization};
use report::Report;
use std::io::{self, Write};

/// Looks at this host, prints what it offers, and says whether it can run a machine.
///
/// # Errors
/// Standard output takes nothing.
pub(crate) fn run(json: bool) -> io::Result<bool> {
    let report = Report::new(examine(&Host::this()));
    let text = if json { report.json() } else { report.text() };
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(report.can_run()),
    }
}

/// Whether this host's KVM is PVM, which emulates what guests do at CPL 0.
pub(crate) fn is_pvm() -> bool {
    let host = Host::this();
    let usable = matches!(Processor::of(&host).virtualization(), Virtualization::Usable(_));
    !usable && kvm_device::is_loaded(&host)
}

fn examine(host: &Host) -> Vec<Finding> {
    let processor = Processor::of(host);
    let (kvm, opened) = kvm_device::examine(host, processor.virtualization());
    let mut findings = vec![kernel::examine(host), processor.count(), memory::examine(host)];
    let has_kvm = opened.is_some() || kvm_device::is_loaded(host);
    findings.extend([processor.examine(has_kvm), kvm]);
    if let Some(device) = opened {
        findings.extend(capabilities::examine(device));
    }
    findings.extend([huge_pages::transparent(host), huge_pages::reserved(host)]);
    findings.extend(device::ALL.iter().map(|device| device.examine(host)));
    findings.extend([
        io_uring::examine(host, io_uring::try_it()),
        user_namespaces::examine(host),
        landlock::examine(landlock::try_it()),
    ]);
    findings
}
