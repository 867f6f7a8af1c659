//! A guest whose console is the program that runs it: what it says is printed, heard line by line, and answered.

use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result, bail};
use vmm::{Resource, Resources, SERIAL, StopReason, Vm, VmConfig, VmHandle};

/// Runs a machine until its guest switches it off. `hear` makes of a line of the console what `drive` is told; that has
/// the machine, can type, and returns at the end.
///
/// # Errors
/// The machine does not start, or ends in another way.
pub(crate) fn run<T: Send>(
    config: VmConfig,
    mut resources: Resources,
    hear: impl Fn(&str) -> Option<T> + Send,
    drive: impl FnOnce(&VmHandle, &Receiver<T>, PipeWriter) -> Result<StopReason>,
) -> Result<()> {
    let (output, guest_output) = io::pipe().context("Cannot make a pipe")?;
    let (guest_input, input) = io::pipe().context("Cannot make a pipe")?;
    let stream = Resource::Stream { input: Some(guest_input.into()), output: Some(guest_output.into()) };
    resources.insert(SERIAL, stream)?;
    let vm = Vm::build(config, resources).context("Cannot build the machine")?;
    vm.start().context("Cannot start the machine")?;
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let console = scope.spawn(move || listen(output, hear, &tell));
        let reason = drive(&vm, &told, input);
        // With the last handle the machine closes its end of the console.
        drop(vm);
        console.join().map_err(|_| anyhow::anyhow!("The console's thread died"))??;
        match reason? {
            StopReason::PoweredOff => Ok(()),
            reason => bail!("The machine ended by {reason:?}"),
        }
    })
}

/// Prints what the guest says, and passes on what is heard of it.
fn listen<T>(output: PipeReader, hear: impl Fn(&str) -> Option<T>, tell: &Sender<T>) -> Result<()> {
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("Cannot read the console")?).into_owned();
        println!("{}", line.trim_end());
        if let Some(heard) = hear(&line) {
            // Nobody listens any more when the machine has ended.
            let _ = tell.send(heard);
        }
    }
    Ok(())
}
