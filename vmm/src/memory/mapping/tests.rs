#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

use super::*;

const MIB: u64 = 1 << 20;

/// One byte of the mapping.
fn peek(mapping: &Mapping, offset: u64) -> u8 {
    assert!(offset < mapping.len());
    // SAFETY: inside the mapping, which nobody else uses in these tests.
    unsafe { mapping.as_ptr().add(offset as usize).read_volatile() }
}

fn poke(mapping: &Mapping, offset: u64, value: u8) {
    assert!(offset < mapping.len());
    // SAFETY: as in `peek`.
    unsafe { mapping.as_ptr().add(offset as usize).write_volatile(value) }
}

fn both() -> [Backing; 2] {
    [Backing::Anonymous, Backing::Memfd]
}

#[test]
fn host_and_guest_addresses_are_equal_modulo_2_mib() {
    for backing in both() {
        for guest in [0, 0x1000, 0x10_0000, 2 * MIB - 0x1000, 2 * MIB, 0xff00_0000, 0x1_0000_0000, 0x1_0012_3000] {
            for size in [0x1000, 2 * MIB, 3 * MIB] {
                let mapping = Mapping::new(backing, guest, size).unwrap();
                assert_eq!(mapping.host_address() % (2 * MIB), guest % (2 * MIB), "{backing:?} {guest:#x}");
                assert_eq!(mapping.len(), size);
            }
        }
    }
}

#[test]
fn every_page_is_there_and_zero_and_keeps_what_is_written() {
    for backing in both() {
        let size = 2 * MIB + 0x3000;
        let mapping = Mapping::new(backing, 0x5000, size).unwrap();
        for offset in [0, 0xfff, 0x1000, 2 * MIB - 1, 2 * MIB, size - 1] {
            assert_eq!(peek(&mapping, offset), 0);
            poke(&mapping, offset, 7);
            assert_eq!(peek(&mapping, offset), 7);
        }
    }
}

#[test]
fn sizes_and_addresses_that_are_not_whole_pages_are_refused() {
    for (guest, size) in [(0, 0), (0, 1), (0, 0x1001), (1, 0x1000), (0x800, 0x1000)] {
        assert!(matches!(Mapping::new(Backing::Anonymous, guest, size), Err(MappingError::NotPages { .. })));
    }
}

#[test]
fn more_than_the_host_can_map_is_an_error_that_names_the_size() {
    let pages = |size: u64| size & !0xfff;
    for backing in both() {
        for size in [1 << 60, pages(i64::MAX as u64), pages(u64::MAX)] {
            let error = Mapping::new(backing, 0, size).unwrap_err();
            assert!(matches!(error, MappingError::TooLarge { .. }), "{error:?}");
            assert!(error.to_string().contains(&size.to_string()), "{error}");
        }
    }
}

#[test]
fn errors_of_a_size_are_told_from_others() {
    assert!(matches!(failure("mmap", 1, Errno::NOMEM), MappingError::TooLarge { .. }));
    assert!(matches!(failure("ftruncate", 1, Errno::FBIG), MappingError::TooLarge { .. }));
    let other = failure("memfd_create", 4096, Errno::MFILE);
    assert_eq!(other.to_string(), "memfd_create failed for 4096 bytes of guest memory");
}

#[test]
fn discarded_pages_read_zero_and_their_neighbours_keep_what_they_had() {
    for backing in both() {
        let mapping = Mapping::new(backing, 0, 0x5000).unwrap();
        (0..5).for_each(|page| poke(&mapping, page * 0x1000, 1));
        mapping.discard(0x1000..0x3000).unwrap();
        let bytes: Vec<u8> = (0..5).map(|page| peek(&mapping, page * 0x1000)).collect();
        assert_eq!(bytes, [1, 0, 0, 1, 1], "{backing:?}");
        mapping.discard(0x4000..0x5000).unwrap();
        assert_eq!(peek(&mapping, 0x4000), 0);
        assert_eq!(mapping.len(), 0x5000);
    }
}

#[test]
fn discard_takes_only_whole_pages_inside_the_mapping() {
    for backing in both() {
        let mapping = Mapping::new(backing, 0, 0x4000).unwrap();
        poke(&mapping, 0, 1);
        let backwards = Range { start: 0x2000, end: 0x1000 };
        for range in [0..0x5000, 0x4000..0x5000, 0x1000..u64::MAX, backwards] {
            assert!(matches!(mapping.discard(range), Err(MappingError::OutOfRange { size: 0x4000, .. })));
        }
        for range in [0..1, 0..0x1800, 0x800..0x1000, 0x800..0x1800] {
            assert!(matches!(mapping.discard(range), Err(MappingError::NotPages { .. })));
        }
        mapping.discard(0x1000..0x1000).unwrap();
        mapping.discard(0x4000..0x4000).unwrap();
        assert_eq!(peek(&mapping, 0), 1);
    }
}

#[test]
fn a_memfd_has_the_mapping_s_bytes_and_a_size_that_nobody_can_change() {
    use std::os::unix::fs::FileExt;
    let mapping = Mapping::new(Backing::Memfd, 0, 0x4000).unwrap();
    let file = mapping.file().unwrap();
    poke(&mapping, 0x3fff, 9);
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0x3fff).unwrap();
    assert_eq!(byte, [9]);
    assert_eq!(file.metadata().unwrap().len(), 0x4000);
    assert!(file.set_len(0x3000).is_err());
    assert!(file.set_len(0x5000).is_err());
    assert!(rustix::fs::fcntl_add_seals(file, SealFlags::WRITE).is_err());
}

#[test]
fn anonymous_memory_has_no_file() {
    assert!(Mapping::new(Backing::Anonymous, 0, 0x1000).unwrap().file().is_none());
}

/// The address space of this process, in bytes.
fn address_space() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<u64>().unwrap() * PAGE_SIZE
}

/// Runs alone in a process of its own: other tests map memory, too.
#[test]
fn a_mapping_takes_its_size_of_address_space_and_gives_all_of_it_back() {
    const ALONE: &str = "PODVISOR_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let name = std::thread::current().name().unwrap().to_owned();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", &name, "--test-threads=1"]).env(ALONE, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    // Far less than 2 MiB for each mapping, far more than the test's own allocations.
    let noise = 16 * MIB;
    let before = address_space();
    let mappings: Vec<Mapping> =
        (0..64).map(|index: u64| Mapping::new(both()[index as usize % 2], index * 0x1000, MIB).unwrap()).collect();
    let grown = address_space() - before;
    assert!((64 * MIB..64 * MIB + noise).contains(&grown), "64 MiB of mappings took {grown} bytes");
    drop(mappings);
    assert!(address_space() < before + noise);
    let unwritable = File::open("/proc/self/exe").unwrap();
    for _ in 0..8 {
        let reservation = Reservation::new(5 * MIB as usize).unwrap();
        let place = Place { len: 3 * MIB as usize, guest: 0, congruence: CONGRUENCE };
        assert_eq!(reservation.map(&place, Backing::Memfd, Some(&unwritable)).unwrap_err(), Errno::ACCESS);
    }
    assert!(address_space() < before + noise);
}

#[test]
fn huge_pages_that_the_host_has_not_are_an_error_that_says_how_many_are_needed() {
    for (page, count) in [(HugePageSize::Size2Mi, "4194304"), (HugePageSize::Size1Gi, "8192")] {
        let error = Mapping::new(Backing::Hugetlb(page), 0, 8 << 40).unwrap_err();
        assert!(matches!(error, MappingError::NoHugePages { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("need {count} free huge pages of {page}")), "{error}");
    }
}

#[test]
fn huge_pages_are_mapped_whole() {
    for (guest, size) in [(0, 3 * MIB), (MIB, 2 * MIB), (0x1000, 2 * MIB)] {
        let refused = Mapping::new(Backing::Hugetlb(HugePageSize::Size2Mi), guest, size);
        assert!(matches!(refused, Err(MappingError::NotPages { .. })), "{guest:#x} {size:#x}");
    }
}

/// What the kernel notes of the mapping (proc(5), smaps, VmFlags).
fn flags(mapping: &Mapping) -> Vec<String> {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let start = format!("{:x}-", mapping.host_address());
    let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
    let flags = lines.find_map(|line| line.strip_prefix("VmFlags: ")).unwrap();
    flags.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_kernel_is_told_whether_it_may_use_huge_pages_by_itself() {
    use TransparentHugePages::{Auto, Off, On};
    if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
        // A kernel without them takes no advice, and that is no error.
        return Mapping::new(Backing::Anonymous, 0, 4 * MIB).unwrap().advise_huge_pages(On).unwrap();
    }
    for backing in both() {
        for (choice, expected) in [(Auto, [false, false]), (On, [true, false]), (Off, [false, true])] {
            let mapping = Mapping::new(backing, 0, 4 * MIB).unwrap();
            mapping.advise_huge_pages(choice).unwrap();
            let flags = flags(&mapping);
            let found = ["hg", "nh"].map(|flag| flags.iter().any(|found| found == flag));
            assert_eq!(found, expected, "{backing:?} {choice:?} {flags:?}");
        }
    }
}
