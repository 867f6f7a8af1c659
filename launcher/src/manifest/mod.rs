//! `launcher validate` and `launcher defaults`: what KubeVirt's API server makes of manifests, without a cluster.
//!
//! The work is `crds::check`, which is pure. Here files are read, UUIDs drawn and answers written.

mod args;
mod defaults;
mod source;
mod text;
mod unsupported;
mod validate;

pub(crate) use args::ManifestCommand;

use crds::check::{Caller, Checked, File, Outcome, check};
use rustix::rand::{GetRandomFlags, getrandom};
use source::Source;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs one of the two.
///
/// # Errors
/// Standard output takes nothing.
pub(crate) fn run(command: &ManifestCommand) -> io::Result<ExitCode> {
    let (text, outcome) = match command {
        ManifestCommand::Validate(args) => validate::run(args),
        ManifestCommand::Defaults(args) => defaults::run(args),
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read it has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(ExitCode::from(status(outcome))),
    }
}

/// The exit status by the worst that was found.
fn status(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Allowed => 0,
        Outcome::Refused => 1,
        Outcome::Unreadable => 2,
    }
}

/// What is answered to the objects of these files.
fn checked(sources: &[Source]) -> Vec<Checked> {
    let files: Vec<File<'_>> = sources.iter().map(Source::file).collect();
    check(&files, Caller { draw: &mut random_uuid, unsupported: &unsupported::unsupported })
}

/// The worst of the answers.
fn worst(checked: &[Checked]) -> Outcome {
    checked.iter().map(|checked| checked.outcome).max().unwrap_or(Outcome::Allowed)
}

/// A random UUID (RFC 9562, version 4).
fn random_uuid() -> String {
    let mut bytes = [0_u8; 16];
    // The pool is ready long before anybody can start this program, and such a short request is never cut.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    let value = u128::from_be_bytes(bytes) & !(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{value:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_uuids_have_their_version_and_differ() {
        let (one, other) = (random_uuid(), random_uuid());
        assert_ne!(one, other);
        let groups: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{one}");
    }
}
