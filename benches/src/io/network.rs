//! Two networks of the guest, on two TAP interfaces with a bridge between them, beside a plain program on the same ones.
//!
//! Frames go in by one interface and come out of the other. So many are under way at a time, fewer than any queue on the way
//! can hold: none is lost, and what is measured is what all of the way can carry.

use std::path::Path;
use std::process::Command;

use super::series::{self, Case, Series, guests};
use crate::context::Context;
use crate::programs::Built;
use crate::report::Section;

/// Depth, bytes of a frame, frames: each takes some tenths of a second.
const CASES: [(u64, u64, u64); 4] = [(1, 1514, 4096), (32, 1514, 32_768), (1, 64_054, 1024), (32, 64_054, 4096)];
/// Makes the interfaces.
const TWO_TAPS: &str = include_str!("two_taps.sh");
const CAPTION: &str = "Two networks on q35, frames from one TAP to another over a bridge; frames of 64054 bytes are TCP \
    segments that nobody cuts. Requests are frames, each sent and taken";

/// Measures.
pub(super) fn measure(context: &mut Context, section: &mut Section) {
    if let Err(reason) = context.network.clone().and_then(|()| make_interfaces()) {
        return section.not_run(CAPTION, reason);
    }
    let cases = CASES.map(|shape| case(&context.built, shape));
    match series::measure(context, CAPTION, &cases) {
        Ok(table) => section.table(table),
        Err(error) => section.not_run(CAPTION, format!("{error:#}")),
    }
}

fn make_interfaces() -> Result<(), String> {
    let output = Command::new("sh").args(["-c", TWO_TAPS]).output().map_err(|error| format!("sh: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

fn case(built: &Built, (depth, bytes, frames): (u64, u64, u64)) -> Case {
    let shape =
        [("depth", depth), ("count", frames), ("bytes", bytes)].map(|(name, value)| format!("--{name}={value}"));
    let host = |more: &[&str]| {
        let words = [built.host_frames.display().to_string()].into_iter().chain(shape.clone());
        words.chain(more.iter().copied().map(str::to_owned)).collect()
    };
    let guest = |program: &Path, poll: u8| {
        let kernel = format!("--kernel={}", built.guest.display());
        let command = format!("frames={depth}:{frames}:{bytes}:{poll}");
        vec![program.display().to_string(), kernel, format!("--networks={bytes}"), command]
    };
    let mut series = vec![
        Series { name: "host, one thread".to_owned(), command: host(&[]) },
        Series { name: "host, two threads".to_owned(), command: host(&["--two-threads"]) },
    ];
    series.extend(guests(built, guest));
    Case { name: format!("{bytes} bytes, depth {depth}"), requests: frames, bytes, series }
}
