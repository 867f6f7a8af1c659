//! Guest memory of huge pages: the host's reserve is used and given back, and its lack is an error of the build.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Instant;

use integration::machine::{DEADLINE, Scene, kvm_or_skip};
use integration::skip::skip;
use vmm::{Backing, HugePageSize, StopReason};

use super::{alone, chain};

const PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const MACHINE_PAGES: u64 = 16;

fn read(name: &str) -> u64 {
    fs::read_to_string(Path::new(PAGES).join(name)).unwrap().trim().parse().unwrap()
}

fn in_use() -> u64 {
    read("nr_hugepages").saturating_sub(read("free_hugepages"))
}

/// Waits until the host has given away so many: what a boot before had may come back a moment later.
fn wait_until_in_use(pages: u64) {
    let deadline = Instant::now() + DEADLINE;
    while in_use() != pages {
        assert!(Instant::now() < deadline, "{} huge pages are in use, and not {pages}", in_use());
        thread::yield_now();
    }
}

/// Lets the host make so many huge pages on demand, until it is dropped: none is taken before it is used.
struct OnDemand(u64);

impl OnDemand {
    fn allow(more: u64) -> Option<Self> {
        let before = read("nr_overcommit_hugepages");
        let wanted = before + more;
        fs::write(Path::new(PAGES).join("nr_overcommit_hugepages"), wanted.to_string()).ok()?;
        Some(Self(before))
    }
}

impl Drop for OnDemand {
    fn drop(&mut self) {
        let _ = fs::write(Path::new(PAGES).join("nr_overcommit_hugepages"), self.0.to_string());
    }
}

fn machine(mib: u64) -> integration::machine::TestMachine {
    let huge = Backing::Hugetlb(HugePageSize::Size2Mi);
    let machine = Scene::Microvm.machine("mem wait mem poweroff").memory_mib(mib);
    machine.configured(move |config| config.memory.backing = huge)
}

#[test]
fn a_guest_runs_on_huge_pages_that_the_host_gets_back() {
    let _alone = alone();
    if !kvm_or_skip() {
        return;
    }
    if !Path::new(PAGES).exists() {
        return skip("the host's kernel has no huge pages of 2 MiB");
    }
    // With a reset two sets may be there for a moment.
    let Some(_reserve) = OnDemand::allow(2 * MACHINE_PAGES) else {
        return skip("the host does not let this user reserve huge pages");
    };
    let before = in_use();
    let mut guest = machine(2 * MACHINE_PAGES).start();
    guest.answer("mem");
    guest.line("waiting");
    wait_until_in_use(before + MACHINE_PAGES);
    guest.handle.reset().unwrap();
    guest.line("waiting");
    wait_until_in_use(before + MACHINE_PAGES);
    guest.send(b"x");
    guest.answer("mem");
    assert_eq!(guest.stopped(), StopReason::PoweredOff);
    drop(guest);
    wait_until_in_use(before);
}

#[test]
fn too_few_huge_pages_are_an_error_of_the_build() {
    let _alone = alone();
    if !kvm_or_skip() {
        return;
    }
    let error = chain(machine(1 << 22).try_build().unwrap_err());
    assert!(error.contains("need 2097152 free huge pages of 2 MiB"), "{error}");
    let error = chain(machine(33).try_build().unwrap_err());
    assert!(error.contains("do not fill huge pages of 2 MiB"), "{error}");
}
