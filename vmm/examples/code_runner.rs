//! Calls a function in a machine of its own: its input goes in by vsock, its result comes back, and the machine is gone.
//!
//!     cargo run --package vmm --example code_runner -- KERNEL CMDLINE <INPUT >RESULT
//!
//! The guest connects to port 52 of the host (CID 2), reads its input until there is no more, writes its result, closes
//! the connection and powers off.

use anyhow::{Context, Result, anyhow, bail};
use rustix::net::Shutdown;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;
use vmm::{
    BoardConfig, KERNEL, OnReboot, PayloadConfig, Resource, Resources, StopReason, Vm, VmConfig, VsockConfig,
    VsockSockets,
};

const PORT: u32 = 52;
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(cmdline)) = (arguments.next(), arguments.next()) else {
        bail!("Name a kernel and its command line: code_runner KERNEL CMDLINE <INPUT >RESULT");
    };
    let kernel = File::open(&path).with_context(|| format!("Cannot open {path}"))?;
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;
    let result = call(kernel, cmdline, &input)?;
    Ok(io::stdout().write_all(&result)?)
}

/// The function's result for `input`. When this returns, there is no machine any more.
fn call(kernel: File, cmdline: String, input: &[u8]) -> Result<Vec<u8>> {
    // A connection of the guest to port 52 comes to the socket `function_52`; what the host would call is `function`.
    let directory = tempfile::tempdir()?;
    let calls = UnixListener::bind(directory.path().join(format!("function_{PORT}")))?;
    let listener = UnixListener::bind(directory.path().join("function"))?;
    let opened = File::open(directory.path())?;
    let sockets = VsockSockets { listener: listener.into(), directory: opened.into(), name: "function".into() };

    let mut config = VmConfig {
        board: BoardConfig::Microvm { acpi: true },
        payload: PayloadConfig::kernel(cmdline),
        vsock: Some(VsockConfig::new("vsock0", 3)),
        on_reboot: OnReboot::Exit,
        ..VmConfig::default()
    };
    config.memory.boot = 64 << 20;
    let mut resources = Resources::new();
    resources.insert(KERNEL, kernel)?;
    resources.insert("vsock0", Resource::Vsock(sockets))?;

    let machine = Vm::build(config, resources)?;
    machine.start()?;
    thread::scope(|scope| {
        let talk = scope.spawn(|| talk(&calls, input));
        let reason = machine.wait(Some(PATIENCE));
        // Whatever the guest did, nobody waits for it any longer: its connection ends with its machine, and one that it
        // never made does not come.
        rustix::net::shutdown(&calls, Shutdown::Both)?;
        machine.stop()?;
        let result = talk.join().map_err(|_| anyhow!("The conversation with the guest has panicked"))?;
        match reason {
            Some(StopReason::PoweredOff) => result.context("The guest has not answered"),
            Some(reason) => bail!("The function's machine has not switched itself off: {reason:?}"),
            None => bail!("The function has taken longer than {} s", PATIENCE.as_secs()),
        }
    })
}

/// Gives the guest its input, and takes the result.
fn talk(calls: &UnixListener, input: &[u8]) -> io::Result<Vec<u8>> {
    let (mut stream, _) = calls.accept()?;
    stream.write_all(input)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut result = Vec::new();
    stream.read_to_end(&mut result)?;
    Ok(result)
}
