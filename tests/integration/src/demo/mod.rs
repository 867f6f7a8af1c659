//! `make demo`: boots a real Linux with disk and network on whatever this machine offers, and shows it.
//!
//! Where `/dev/kvm` runs Linux, Linux runs on it. Where it is PVM, the bare-metal test guest runs on it and Linux in an
//! emulated machine; without a usable `/dev/kvm` there is only the latter.

mod guest;
mod host;
mod network;
mod parts;
mod place;
mod report;
mod session;
mod timeline;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::nested::Board;
use host::Host;
use network::Network;
use parts::Parts;
use place::Place;
use report::Report;
use session::Session;

/// Boots a Linux virtual machine with disk and network, and shows what it can do.
#[derive(Debug, Parser)]
#[command(name = "demo")]
pub struct Options {
    /// Leave you at the guest's shell.
    #[arg(long)]
    pub interactive: bool,
}

/// The board of all machines here.
const BOARD: Board = Board::Q35;
const CPUS: u32 = 2;
/// For one machine. Far beyond what the slowest host needs: an emulated one takes a minute.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs the demo; `Ok(false)` when a check failed.
///
/// # Errors
/// Something could not be fetched, built or started.
pub fn run(options: &Options) -> Result<bool> {
    let host = Host::look();
    println!("{host}");
    let parts = Parts::prepare(&host, host == Host::Pvm && !options.interactive)?;
    let own_kvm = parts.test_guest.as_deref().map_or(Ok(true), |kernel| show_own_kvm(&parts, kernel))?;
    let place = if host.runs_linux() { Place::Here(Network::find(&parts.busybox)) } else { Place::Emulated };
    if let Place::Here(Network::Refused(reason)) = &place {
        println!("No network: {reason}.");
    }
    let session = Session::linux(&parts, place.has_network(), options.interactive);
    println!("\n== Linux {} on {BOARD}, {place}", parts.kernel.release);
    if options.interactive {
        return Ok(place.run_on_terminal(&parts, &session)? == 0);
    }
    let mut report = Report::new(session.expected_checks());
    let status = place.run(&parts, &session, |line| report.line(line))?;
    Ok(report.finish(status) && own_kvm)
}

/// The test guest on this machine's own KVM.
fn show_own_kvm(parts: &Parts, kernel: &Path) -> Result<bool> {
    println!("\n== The test guest on {BOARD}, on this machine's own KVM");
    let session = Session::test_guest(kernel);
    let mut report = Report::new(session.expected_checks());
    let status = Place::Here(Network::Unused).run(parts, &session, |line| report.line(line))?;
    Ok(report.finish(status))
}
