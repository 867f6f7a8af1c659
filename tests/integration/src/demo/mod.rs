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

    /// The board of the machines.
    #[arg(long, value_enum, default_value_t = Board::Q35)]
    pub board: Board,
}

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
    let board = options.board;
    let parts = Parts::prepare(&host, host == Host::Pvm && !options.interactive)?;
    let network = if host.is_open() { Network::find(&parts.busybox) } else { Network::Unused };
    if let Network::Refused(reason) = &network {
        println!("No network on this machine's own KVM: {reason}.");
    }
    let here = Place::Here(network);
    let own_kvm = match &parts.test_guest {
        Some(kernel) => {
            println!("\n== The test guest on {board}, {here}");
            show(&parts, &here, &Session::test_guest(kernel, board, here.has_network()))?
        }
        None => true,
    };
    let place = if host.runs_linux() { here } else { Place::Emulated };
    let session = Session::linux(&parts, board, place.has_network(), options.interactive);
    println!("\n== Linux {} on {board}, {place}", parts.kernel.release);
    if options.interactive {
        return Ok(place.run_on_terminal(&parts, &session)? == 0);
    }
    Ok(show(&parts, &place, &session)? && own_kvm)
}

/// Runs `session` and prints what its guest says; whether all was good.
fn show(parts: &Parts, place: &Place, session: &Session) -> Result<bool> {
    let mut report = Report::new(session.expected_checks());
    let status = place.run(parts, session, |line| report.line(line))?;
    Ok(report.finish(status))
}
