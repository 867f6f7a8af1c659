//! The serial console: nothing is lost while somebody reads, and nobody has to.

use std::io::Write;
use std::thread;
use std::time::Instant;

use integration::machine::{DEADLINE, long};
use rustix::pipe::pipe;
use vmm::{Resource, StopReason};

use super::machine;

#[test]
fn several_kib_of_input_arrive_and_come_back_without_loss() {
    let Some(machine) = machine("serial-echo") else { return };
    let mut guest = machine.start();
    guest.line("echoing");
    let text: String = (b' '..=b'~').cycle().take(long(8192, 3072)).map(char::from).collect();
    let mut sender = guest.console.sender();
    thread::scope(|scope| {
        // All at once: the guest takes it as fast as it can, and the rest waits on the host.
        scope.spawn(|| sender.write_all(format!("{text}\n").as_bytes()).unwrap());
        let echoed = guest.console.line(Instant::now() + DEADLINE);
        assert_eq!(echoed.as_deref(), Some(text.as_str()));
    });
    assert_eq!(guest.answer("serial-echo").number("bytes"), text.len() as u64);
}

#[test]
fn a_flood_of_output_arrives_without_loss_when_somebody_reads() {
    let lines = long(1000, 200);
    let Some(machine) = machine(&format!("flood={}", lines * 64)) else { return };
    let mut guest = machine.start();
    guest.line("hello");
    for number in 0..lines {
        assert_eq!(guest.line("").line(), format!("{number:063}"));
    }
    assert_eq!(guest.answer("flood").number("bytes"), lines * 64);
}

#[test]
fn a_reader_that_goes_away_does_not_disturb_the_guest() {
    let Some(machine) = machine("flood=4096 exit=7") else { return };
    let (reader, output) = pipe().unwrap();
    drop(reader);
    let mut guest = machine.serial(Resource::Stream { input: None, output: Some(output) }).start();
    assert_eq!(guest.stopped(), StopReason::DebugExit { status: 7 });
}

#[test]
fn what_the_guest_prints_last_is_not_lost() {
    let Some(machine) = machine("flood=8192 exit=3") else { return };
    let mut guest = machine.start();
    guest.stopped();
    let text = guest.console.transcript();
    assert!(text.contains(&format!("{:063}\n", 127)) && text.ends_with("begin exit status=3\n"), "{text}");
}
