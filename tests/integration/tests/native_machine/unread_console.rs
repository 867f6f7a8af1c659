//! Output that nobody reads: the serial port is the same on every board, and so much of it takes long.

use integration::machine::{Scene, long};
use rustix::pipe::{fcntl_setpipe_size, pipe};
use vmm::{Resource, StopReason};

#[test]
fn output_that_nobody_reads_does_not_hold_the_guest() {
    // More than a pipe of one page and the machine's own buffer (256 KiB) hold together; slow hosts fill the pipe only.
    let bytes = long(300_000, 16_000);
    let Some(machine) = Scene::Microvm.script(&format!("flood={bytes} exit=7")) else { return };
    let (_unread, output) = pipe().unwrap();
    fcntl_setpipe_size(&output, 4096).unwrap();
    let mut guest = machine.serial(Resource::Stream { input: None, output: Some(output) }).start();
    assert_eq!(guest.stopped(), StopReason::DebugExit { status: 7 });
}
