//! Guest memory as the host has it: what the guest wrote is looked up in this process's own mappings.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// The name of guest memory with `memfd` backing in `/proc/self/maps`.
const NAME: &str = "/memfd:guest-memory";

/// `count` bytes at `offset` of the region of guest RAM that is `region` bytes large. The machine must have `memfd`
/// backing, and no other machine of this process a region of that size.
///
/// # Panics
/// There is no such region, or more than one, or the bytes lie outside it.
pub fn guest_bytes(region: u64, offset: u64, count: usize) -> Vec<u8> {
    let maps = fs::read_to_string("/proc/self/maps").expect("the list of this process's mappings");
    let found: Vec<u64> = maps.lines().filter_map(|line| mapping(line, region)).collect();
    let [start] = found[..] else { panic!("{} regions of guest memory have {region:#x} bytes", found.len()) };
    assert!(offset + count as u64 <= region, "{offset:#x} lies outside the region of {region:#x} bytes");
    let mut bytes = vec![0; count];
    let memory = File::open("/proc/self/mem").expect("this process's memory");
    memory.read_exact_at(&mut bytes, start + offset).expect("mapped memory");
    bytes
}

/// The start of the mapping that `line` describes, if it is guest memory of `size` bytes.
fn mapping(line: &str, size: u64) -> Option<u64> {
    let (range, _) = line.split_once(' ').filter(|(_, rest)| rest.contains(NAME))?;
    let (start, end) = range.split_once('-')?;
    let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).ok());
    start.zip(end).filter(|(start, end)| end - start == size).map(|(start, _)| start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_memory_is_known_by_its_name_and_size() {
        let line = "7f0000000000-7f0000004000 rw-s 00000000 00:01 1026 /memfd:guest-memory (deleted)";
        assert_eq!(mapping(line, 0x4000), Some(0x7f00_0000_0000));
        assert_eq!(mapping(line, 0x5000), None);
        assert_eq!(mapping("7f0000000000-7f0000004000 rw-p 00000000 00:00 0", 0x4000), None);
    }
}
