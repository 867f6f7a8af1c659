#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::skip;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::process::Command;
use vm_memory::GuestMemoryMmap;

const START: u64 = 0x1000;
const RAM: u64 = 0x4_0000;

fn entry(name: &str, file: &[u8]) -> Vec<u8> {
    let mut bytes = b"070701".to_vec();
    for (index, value) in [0; 13].iter().enumerate() {
        let value = match index {
            6 => file.len(),
            11 => name.len() + 1,
            _ => *value,
        };
        bytes.extend(format!("{value:08x}").bytes());
    }
    bytes.extend(name.bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(file);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn cpio() -> Vec<u8> {
    [entry("init", b"#!/bin/sh\n"), entry("bin/busybox", &[7; 1001]), entry("TRAILER!!!", b"")].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two blocks that are not packed.
fn lz4() -> Vec<u8> {
    [&[0x02, 0x21, 0x4c, 0x18, 5, 0, 0, 0][..], b"first", &[6, 0, 0, 0], b"second"].concat()
}

/// A block of two chunks (one said to be packed with properties, one not packed), padded, with a CRC32; an index of it.
fn xz() -> Vec<u8> {
    let header = [&[0xfd][..], b"7zXZ\0", &[0, 1], b"crc!"].concat();
    let block = [
        &[2, 0, 0x21, 1, 0x16, 0, 0, 0][..],
        b"crc!",
        &[0xe0, 0, 9, 0, 4, 0x5d],
        b"five.",
        &[1, 0, 2],
        b"3rd",
        &[0],
        &[0; 2],
        b"chk!",
    ];
    let index = [&[0, 1, 0x80, 1, 9][..], &[0; 3], b"crc!"].concat();
    [header, block.concat(), index, b"crc!size\0\x01YZ".to_vec()].concat()
}

/// A block as it is, a repeated byte, and the last, said to be packed; with a window, a size of two bytes, a checksum.
fn zstd() -> Vec<u8> {
    let block = |last: u32, kind: u32, size: u32| (size << 3 | kind << 1 | last).to_le_bytes()[..3].to_vec();
    [
        vec![0x28, 0xb5, 0x2f, 0xfd, 0x44, 0x58, 1, 2],
        block(0, 0, 3),
        b"raw".to_vec(),
        block(0, 1, 100_000),
        b"x".to_vec(),
        block(1, 2, 6),
        b"packed".to_vec(),
        b"sum!".to_vec(),
    ]
    .concat()
}

fn verdict(bytes: &[u8]) -> Result<(), BootError> {
    let ram: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x4_0000)]).unwrap();
    ram.write_slice(bytes, GuestAddress(START)).unwrap();
    check(&ram, RAM, START, bytes.len() as u64)
}

fn formats() -> [(&'static str, Vec<u8>); 5] {
    [("cpio", cpio()), ("gzip", gzip(&cpio())), ("lz4", lz4()), ("xz", xz()), ("zstd", zstd())]
}

#[test]
fn a_whole_archive_passes_and_so_does_a_second_one_after_zeros() {
    for (name, archive) in formats() {
        verdict(&archive).unwrap_or_else(|error| panic!("{name}: {error}"));
        verdict(&[archive.clone(), vec![0; 5000]].concat()).unwrap_or_else(|error| panic!("{name}, padded: {error}"));
        verdict(&[cpio(), vec![0; 512], archive].concat()).unwrap_or_else(|error| panic!("{name}, second: {error}"));
    }
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused_alone_or_after_another_one() {
    for (name, archive) in formats() {
        // A cpio archive may end behind any entry, and an LZ4 frame behind any block.
        let ends: &[usize] = match name {
            "cpio" => &[128, 1256],
            "lz4" => &[4, 13],
            _ => &[],
        };
        for cut in (8..archive.len()).filter(|cut| !ends.contains(cut)) {
            let padding = name == "cpio" && archive[cut] == 0;
            let text = |bytes: &[u8]| verdict(bytes).err().map(|error| error.to_string());
            for text in [text(&archive[..cut]), text(&[cpio(), archive[..cut].to_vec()].concat())] {
                let told = text.as_ref().is_some_and(|text| text.contains("The initrd is truncated"));
                assert!(told || padding, "{name} of {} cut at {cut}: {text:?}", archive.len());
            }
        }
    }
}

#[test]
fn what_the_real_programs_write_is_followed_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let text: Vec<u8> = (0..20_000u32).flat_map(|number| (number * number % 977).to_string().into_bytes()).collect();
    std::fs::write(directory.path().join("archive"), text).unwrap();
    for (program, package, options) in [
        ("gzip", "gzip", &[][..]),
        ("xz", "xz-utils", &[]),
        ("xz", "xz-utils", &["--check=crc32", "--block-size=8192"]),
        ("xz", "xz-utils", &["--check=sha256", "--x86", "--lzma2"]),
        ("zstd", "zstd", &["-q"]),
        ("zstd", "zstd", &["-q", "-19", "--no-check"]),
        ("lz4", "lz4", &["-q", "-l"]),
    ] {
        let arguments = [options, &["-c", "archive"]].concat();
        let Ok(output) = Command::new(program).args(arguments).current_dir(&directory).output() else {
            return skip(&format!("{program} is not installed (Debian package {package})"));
        };
        assert!(output.status.success(), "{program} {options:?}: {output:?}");
        let whole = output.stdout;
        verdict(&whole).unwrap_or_else(|error| panic!("{program} {options:?}: {error}"));
        for length in [whole.len() / 2, whole.len() - 1] {
            let error = verdict(&whole[..length]).unwrap_err().to_string();
            assert!(error.contains("truncated"), "{program} {options:?}, {length}: {error}");
        }
    }
}

#[test]
fn the_error_tells_how_long_it_must_be() {
    let (archive, after) = (entry("init", &[7; 5000]), "The initrd is truncated: by its headers it has at least");
    let told = |bytes: &[u8]| verdict(bytes).unwrap_err().to_string();
    assert_eq!(told(&archive[..200]), format!("{after} 5116 bytes, but the file has 200"));
    assert_eq!(told(&xz()[..14]), format!("{after} 24 bytes, but the file has 14"));
}

#[test]
fn what_is_no_archive_or_is_wrong_otherwise_passes() {
    let mut flipped = gzip(&cpio());
    flipped[20] ^= 0xff;
    for bytes in [
        &b"x"[..],
        b"070707old format",
        b"BZh91AY&SY",
        &[0; 4096],
        &flipped,
        &[cpio(), b"junk".to_vec()].concat(),
        &[&lz4()[..], &[0xff; 8]].concat(),
        // A reserved type of block, and of chunk.
        &[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 7, 0, 0],
        &[&xz()[..24], &[3]].concat(),
    ] {
        verdict(bytes).unwrap_or_else(|error| panic!("{bytes:x?}: {error}"));
    }
}

#[test]
fn what_unpacks_to_more_than_memory_is_left_to_the_guest() {
    let bomb = gzip(&vec![0; 1 << 20]);
    verdict(&bomb[..bomb.len() - 1]).unwrap();
    verdict(&gzip(&vec![0; 0x4000])[..40]).unwrap_err();
}

proptest! {
    #[test]
    fn nothing_panics_or_reads_outside(
        format in 0..5usize, bytes in proptest::collection::vec(any::<u8>(), 0..300), keep in 0..60usize, digits in "[0-9a-fA-F]{104}"
    ) {
        let (_, archive) = &formats()[format];
        let _ = verdict(&bytes);
        let _ = verdict(&[&archive[..keep.min(archive.len())], &bytes].concat());
        let _ = verdict(&[b"070701".as_slice(), digits.as_bytes(), &bytes].concat());
    }
}
