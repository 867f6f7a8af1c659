//! Where a machine runs: on this machine, or in an emulated one.

use std::fmt;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::LIMIT;
use super::network::Network;
use super::parts::Parts;
use super::session::Session;
use crate::live;
use crate::nested::L1;

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// This machine.
    Here(Network),
    /// QEMU's software CPU with SVM.
    Emulated,
}

impl Place {
    /// Whether machines there have a network.
    pub(super) fn has_network(&self) -> bool {
        matches!(self, Self::Emulated | Self::Here(Network::Namespace(_)))
    }

    /// Runs `session` and gives each line that it prints to `on_line`; returns the launcher's exit status.
    pub(super) fn run(&self, parts: &Parts, session: &Session, mut on_line: impl FnMut(&str)) -> Result<i32> {
        match self {
            Self::Here(network) => {
                let end = live::run(&mut here(network, parts, session)?, 2 * LIMIT, |line| {
                    on_line(line);
                    ControlFlow::Continue(())
                })?;
                let live::End::Exited(status) = end else { return Ok(-1) };
                Ok(status.code().unwrap_or(-1))
            }
            Self::Emulated => {
                let (machine, script) = emulated(parts, session)?;
                machine.run_live(&script, 2 * LIMIT, on_line)
            }
        }
    }

    /// Runs `session` on this process's terminal; returns the launcher's exit status.
    pub(super) fn run_on_terminal(&self, parts: &Parts, session: &Session) -> Result<i32> {
        match self {
            Self::Here(network) => {
                let status = here(network, parts, session)?.status().context("Cannot run the machine")?;
                Ok(status.code().unwrap_or(-1))
            }
            Self::Emulated => {
                let (machine, script) = emulated(parts, session)?;
                machine.run_on_terminal(&script)
            }
        }
    }
}

fn here(network: &Network, parts: &Parts, session: &Session) -> Result<Command> {
    let script = parts.disk.with_file_name("session.sh");
    fs::write(&script, session.script(parts, Path::to_path_buf)).context("Cannot write the demo's script")?;
    let mut command = match network {
        Network::Namespace(flag) => {
            let mut command = Command::new("unshare");
            command.arg(flag).arg(&parts.busybox);
            command
        }
        Network::Refused(_) | Network::Unused => Command::new(&parts.busybox),
    };
    command.arg("sh").arg(&script);
    Ok(command)
}

fn emulated<'a>(parts: &'a Parts, session: &Session) -> Result<(L1<'a>, String)> {
    let mut machine = L1::new(&parts.images)?.module("tun").program(&parts.launcher, &there(&parts.launcher));
    for file in session.files(parts) {
        machine = machine.file(file, &there(file));
    }
    Ok((machine, session.script(parts, |path| PathBuf::from(there(path)))))
}

/// Where a file stands in the emulated machine.
fn there(path: &Path) -> String {
    format!("/demo/{}", path.file_name().unwrap_or_default().display())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "on this machine's own KVM",
            Self::Emulated => "in an emulated machine (QEMU's software CPU with SVM: slow)",
        })
    }
}
