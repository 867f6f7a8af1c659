//! The saved form of a machine's state: a header and a list of sections. Guest memory is not in it.
//!
//! ```text
//! header    magic "PODVSNAP"   version u16   arch u16   sections u32
//! section   length u32 of what follows:
//!           version u16   id length u8   id   kind length u8   kind   payload (the rest)
//! ```
//!
//! All numbers are little-endian. What a payload is, its kind and version tell ([`devices::state::DeviceState`]); a
//! reader of this file knows none of them, and the machine refuses by name those that nobody takes.
//!
//! Saved state is untrusted input: every length is checked against what is there before it is used, and nothing is
//! allocated by a number that the input gives.

use devices::id::DeviceId;
use devices::state::Section;
use std::collections::HashSet;
use thiserror::Error;

const MAGIC: [u8; 8] = *b"PODVSNAP";
/// Raised at every change of this file's layout.
const VERSION: u16 = 1;
/// x86-64, as ELF numbers it (EM_X86_64).
const ARCH: u16 = 62;
/// More sections than the largest machine has devices, vCPUs and boards.
const MAX_SECTIONS: usize = 4096;
/// The longest id: [`crate::config::VmConfig::validate`] allows 64.
const MAX_ID: usize = 64;
/// The longest kind.
const MAX_KIND: usize = 64;
/// The largest payload; a vCPU's, some 20 KiB, is the largest there is.
const MAX_PAYLOAD: usize = 16 << 20;

/// Why saved state cannot be read or written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum FormatError {
    /// Something else than saved state.
    #[error("This is not the saved state of a machine: it does not begin with PODVSNAP")]
    NotState,
    /// Written by another version of this program.
    #[error(
        "The saved state has format version {0}; this program reads version {VERSION}: use the version that saved it"
    )]
    Version(u16),
    /// Saved on another processor architecture.
    #[error("The state was saved on processor architecture {0} (ELF number); this program runs on {ARCH}, x86-64")]
    Arch(u16),
    /// The input ends too early.
    #[error("The saved state is truncated: it ends in {0}")]
    Truncated(&'static str),
    /// The input goes on after its end.
    #[error("The saved state is damaged: {0} bytes follow its end")]
    TrailingBytes(usize),
    /// More sections than a machine can have.
    #[error("{0} sections of state are more than the {MAX_SECTIONS} a machine can have")]
    TooManySections(usize),
    /// An id or kind that no device has.
    #[error(
        "Section {0} of the saved state has no proper name: its device and kind must be 1 to 64 printable ASCII characters"
    )]
    BadName(usize),
    /// Two sections for the same part of the same device.
    #[error("The saved state has two sections of kind {kind} for {device}")]
    Duplicate {
        /// Whose sections.
        device: DeviceId,
        /// Their kind.
        kind: String,
    },
    /// A payload larger than any device's.
    #[error("The state of {device} ({kind}) takes {size} bytes, and {MAX_PAYLOAD} is the most")]
    TooLarge {
        /// Whose state.
        device: DeviceId,
        /// Its kind.
        kind: String,
        /// Its size.
        size: usize,
    },
}

/// Writes sections down, in their order: the same sections give the same bytes.
///
/// # Errors
/// A section is one that [`decode`] would refuse.
pub(crate) fn encode(sections: &[Section]) -> Result<Vec<u8>, FormatError> {
    let count = u32::try_from(sections.len())
        .ok()
        .filter(|_| sections.len() <= MAX_SECTIONS)
        .ok_or(FormatError::TooManySections(sections.len()))?;
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(ARCH.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    let mut seen = HashSet::new();
    for (number, section) in sections.iter().enumerate() {
        check(number, section, &mut seen)?;
        let id = section.device.as_str().as_bytes();
        let kind = section.kind.as_bytes();
        let length = 2 + 1 + id.len() + 1 + kind.len() + section.payload.len();
        let length = u32::try_from(length).map_err(|_| too_large(section))?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(section.version.to_le_bytes());
        for name in [id, kind] {
            bytes.push(u8::try_from(name.len()).map_err(|_| FormatError::BadName(number))?);
            bytes.extend(name);
        }
        bytes.extend(&section.payload);
    }
    Ok(bytes)
}

/// Reads what [`encode`] wrote.
///
/// # Errors
/// The bytes are anything else.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Section>, FormatError> {
    let mut input = Input(bytes);
    if input.take(MAGIC.len(), "").map_err(|_| FormatError::NotState)? != MAGIC {
        return Err(FormatError::NotState);
    }
    match input.u16("its header")? {
        VERSION => {}
        version => return Err(FormatError::Version(version)),
    }
    match input.u16("its header")? {
        ARCH => {}
        arch => return Err(FormatError::Arch(arch)),
    }
    let count = usize::try_from(input.u32("its header")?).unwrap_or(usize::MAX);
    if count > MAX_SECTIONS {
        return Err(FormatError::TooManySections(count));
    }
    let mut sections = Vec::new();
    let mut seen = HashSet::new();
    for number in 0..count {
        let section = input.section(number)?;
        check(number, &section, &mut seen)?;
        sections.push(section);
    }
    match input.0.len() {
        0 => Ok(sections),
        rest => Err(FormatError::TrailingBytes(rest)),
    }
}

/// What holds for every section, in either direction.
fn check(number: usize, section: &Section, seen: &mut HashSet<(DeviceId, String)>) -> Result<(), FormatError> {
    let proper = |name: &str, max| (1..=max).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !proper(section.device.as_str(), MAX_ID) || !proper(&section.kind, MAX_KIND) {
        return Err(FormatError::BadName(number));
    }
    if section.payload.len() > MAX_PAYLOAD {
        return Err(too_large(section));
    }
    if !seen.insert((section.device.clone(), section.kind.clone())) {
        return Err(FormatError::Duplicate { device: section.device.clone(), kind: section.kind.clone() });
    }
    Ok(())
}

fn too_large(section: &Section) -> FormatError {
    FormatError::TooLarge { device: section.device.clone(), kind: section.kind.clone(), size: section.payload.len() }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FormatError::Truncated(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(FormatError::Truncated(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, FormatError> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, FormatError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn name(&mut self, number: usize) -> Result<String, FormatError> {
        let [length] = self.array("a section's name")?;
        let name = self.take(length.into(), "a section's name")?;
        String::from_utf8(name.to_vec()).map_err(|_| FormatError::BadName(number))
    }

    fn section(&mut self, number: usize) -> Result<Section, FormatError> {
        let length = usize::try_from(self.u32("a section's length")?).unwrap_or(usize::MAX);
        let mut section = Input(self.take(length, "a section")?);
        let version = section.u16("a section's version")?;
        let device = DeviceId::new(section.name(number)?);
        let kind = section.name(number)?;
        Ok(Section { device, kind, version, payload: section.0.to_vec() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn section(device: &str, kind: &str, payload: &[u8]) -> Section {
        Section { device: device.into(), kind: kind.into(), version: 3, payload: payload.into() }
    }

    fn sample() -> Vec<Section> {
        vec![
            section("vcpu0", "x86-vcpu", &[1, 2, 3]),
            section("rng0", "virtio-rng", &[]),
            section("rng0", "mmio", &[9]),
        ]
    }

    /// Offset of the first section.
    const HEADER: usize = 16;

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = encode(&[section("d", "kk", &[7, 8])]).unwrap();
        assert_eq!(bytes, b"PODVSNAP\x01\0\x3e\0\x01\0\0\0\x09\0\0\0\x03\0\x01d\x02kk\x07\x08");
    }

    #[test]
    fn every_truncation_and_every_extension_is_refused() {
        let bytes = encode(&sample()).unwrap();
        for end in 0..bytes.len() {
            let error = decode(&bytes[..end]).unwrap_err();
            assert!(matches!(error, FormatError::NotState | FormatError::Truncated(_)), "{end}: {error}");
        }
        let longer = [bytes.as_slice(), b"xy"].concat();
        assert_eq!(decode(&longer), Err(FormatError::TrailingBytes(2)));
    }

    #[test]
    fn another_magic_version_or_architecture_is_refused_by_name() {
        let bytes = encode(&sample()).unwrap();
        let changed = |offset: usize| {
            let mut bytes = bytes.clone();
            bytes[offset] ^= 0x80;
            decode(&bytes)
        };
        assert_eq!(changed(0), Err(FormatError::NotState));
        assert_eq!(changed(8), Err(FormatError::Version(0x81)));
        assert_eq!(changed(10), Err(FormatError::Arch(62 ^ 0x80)));
    }

    #[test]
    fn counts_and_lengths_are_checked_before_they_are_used() {
        let mut bytes = encode(&sample()).unwrap();
        bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&bytes), Err(FormatError::TooManySections(u32::MAX as usize)));

        let mut bytes = encode(&sample()).unwrap();
        bytes[HEADER..HEADER + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&bytes), Err(FormatError::Truncated("a section")));

        let mut bytes = encode(&sample()).unwrap();
        bytes[HEADER + 6] = 0xff; // the id is longer than its section
        assert_eq!(decode(&bytes), Err(FormatError::Truncated("a section's name")));
    }

    #[test]
    fn duplicates_and_improper_names_are_refused_both_ways() {
        let twice = [section("a", "k", &[1]), section("a", "k", &[2])];
        let duplicate = FormatError::Duplicate { device: "a".into(), kind: "k".into() };
        assert_eq!(encode(&twice), Err(duplicate.clone()));
        let other = encode(&[section("a", "k", &[1]), section("b", "k", &[2])]).unwrap();
        let bytes: Vec<_> = other.iter().map(|byte| if *byte == b'b' { b'a' } else { *byte }).collect();
        assert_eq!(decode(&bytes), Err(duplicate));

        for bad in ["", "with space", "new\nline", &"x".repeat(65)] {
            assert_eq!(encode(&[section(bad, "k", &[])]), Err(FormatError::BadName(0)), "{bad:?}");
            assert_eq!(encode(&[section("d", bad, &[])]), Err(FormatError::BadName(0)), "{bad:?}");
        }
        let mut bytes = encode(&[section("d", "k", &[])]).unwrap();
        bytes[HEADER + 7] = 0xff; // not UTF-8
        assert_eq!(decode(&bytes), Err(FormatError::BadName(0)));
    }

    #[test]
    fn a_payload_larger_than_any_devices_is_refused_both_ways() {
        let size = MAX_PAYLOAD + 1;
        let error = FormatError::TooLarge { device: "d".into(), kind: "k".into(), size };
        assert_eq!(encode(&[section("d", "k", &vec![0; size])]), Err(error.clone()));
        let mut bytes = encode(&[section("d", "k", &vec![0; MAX_PAYLOAD])]).unwrap();
        let length = u32::try_from(bytes.len() - HEADER - 4 + 1).unwrap();
        bytes[HEADER..HEADER + 4].copy_from_slice(&length.to_le_bytes());
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(error));
    }

    fn sections() -> impl Strategy<Value = Vec<Section>> {
        let name = "[a-z0-9]{1,8}";
        let payload = prop::collection::vec(any::<u8>(), 0..32);
        let section = (name, name, any::<u16>(), payload).prop_map(|(device, kind, version, payload)| Section {
            device: DeviceId::new(device),
            kind,
            version,
            payload,
        });
        prop::collection::vec(section, 0..6)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(sections in sections()) {
            match encode(&sections) {
                Ok(bytes) => prop_assert_eq!(decode(&bytes), Ok(sections)),
                Err(FormatError::Duplicate { .. }) => {}
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }

        #[test]
        fn whatever_is_accepted_is_written_as_the_same_bytes(
            sections in sections(), noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)
        ) {
            if let Ok(mut bytes) = encode(&sections) {
                for (place, byte) in noise {
                    let place = place.index(bytes.len());
                    bytes[place] = byte;
                }
                if let Ok(accepted) = decode(&bytes) {
                    prop_assert_eq!(encode(&accepted), Ok(bytes));
                }
            }
        }

        #[test]
        fn arbitrary_sections_after_a_good_header_never_panic(rest in prop::collection::vec(any::<u8>(), 0..128)) {
            let mut bytes = encode(&[]).unwrap();
            bytes[12] = 2;
            bytes.extend(rest);
            if let Ok(accepted) = decode(&bytes) {
                prop_assert_eq!(encode(&accepted), Ok(bytes));
            }
        }
    }
}
