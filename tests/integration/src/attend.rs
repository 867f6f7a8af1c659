//! Runs a guest and does what its console asks for, as whoever owns a machine would: a launcher for tests of what changes
//! while a machine runs.

use std::fs::File;
use std::io::{PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use vmm::{DriveStatus, Resource, Resources, StopReason, VmConfig, VmHandle};

use crate::conversation;

/// What a line of the console that asks for something begins with.
const ASKS: &str = "host: ";

/// Runs a guest. A line `host: WORDS` of its console is carried out, and answered on the console by a line `ok` with what
/// there is to say, or `failed` with the reason. WORDS are `drive ID`, `eject ID`, `insert ID FILE` and `grow ID FILE BYTES`.
#[derive(Debug, Parser)]
pub struct Options {
    /// The machine's configuration, as JSON.
    #[arg(long)]
    config: PathBuf,
    /// A file of the machine; it is opened for writing where its disk can be written.
    #[arg(long = "file", value_name = "ID=PATH", value_parser = parse_file)]
    files: Vec<(String, PathBuf)>,
}

fn parse_file(text: &str) -> Result<(String, PathBuf), String> {
    let (id, path) = text.split_once('=').ok_or("not ID=PATH")?;
    Ok((id.to_owned(), path.into()))
}

/// Runs the guest until it switches itself off.
///
/// # Errors
/// It does not start, or ends in another way.
pub fn run(options: &Options) -> Result<()> {
    let text = std::fs::read(&options.config).context("Cannot read the configuration")?;
    let config: VmConfig = serde_json::from_slice(&text).context("Cannot understand the configuration")?;
    let mut resources = Resources::new();
    for (id, path) in &options.files {
        let write = config.disks.iter().any(|disk| disk.id.as_str() == id && !disk.is_readonly());
        resources.insert(id.as_str(), Resource::File(open(path, write)?))?;
    }
    let asks = |line: &str| line.split_once(ASKS).map(|(_, words)| words.to_owned());
    conversation::run(config, resources, asks, attend)
}

fn open(path: &Path, write: bool) -> Result<File> {
    File::options().read(true).write(write).open(path).with_context(|| format!("Cannot open {}", path.display()))
}

/// Does what is asked for until the end.
fn attend(vm: &VmHandle, asked: &Receiver<String>, mut input: PipeWriter) -> Result<StopReason> {
    loop {
        if let Some(reason) = vm.wait(Some(Duration::ZERO)) {
            return Ok(reason);
        }
        if let Ok(words) = asked.recv_timeout(Duration::from_millis(20)) {
            let answer =
                carry_out(vm, &words).map_or_else(|error| format!("failed: {error:#}"), |said| format!("ok {said}"));
            writeln!(input, "{answer}").context("Cannot type on the console")?;
        }
    }
}

/// Does one thing; returns what there is to say.
fn carry_out(vm: &VmHandle, words: &str) -> Result<String> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let nothing = String::new();
    Ok(match words[..] {
        ["drive", id] => describe(vm.drive_status(&id.into())?),
        ["eject", id] => vm.eject_medium(&id.into(), false).map(|()| nothing)?,
        ["insert", id, path] => vm.insert_medium(&id.into(), open(Path::new(path), false)?).map(|()| nothing)?,
        ["grow", id, path, bytes] => {
            open(Path::new(path), true)?.set_len(bytes.parse()?).context("Cannot extend a file")?;
            vm.refresh_disk(&id.into())?.to_string()
        }
        _ => bail!("{words:?} is nothing that can be asked for"),
    })
}

fn describe(status: DriveStatus) -> String {
    let DriveStatus { full, open, kept } = status;
    let said = [(full, "full", "empty"), (open, "open", "closed"), (kept, "kept", "free")];
    said.map(|(so, yes, no)| if so { yes } else { no }).join(" ")
}
