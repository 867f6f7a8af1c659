//! RAM beside the PCI windows.

use integration::machine::TestDisk;

use super::machine;

const GIB: u64 = 1 << 30;

#[test]
fn ram_of_every_size_and_moved_bars_are_not_in_each_other_s_way() {
    for mib in [3584, 4 << 10, 6 << 10] {
        let Some(machine) = machine("mem=sparse bars mem=sparse") else { return };
        let disk = TestDisk::empty(64);
        let mut guest = machine.memory_mib(mib).disk("disk0", &disk).start();
        for _ in 0..2 {
            let answer = guest.line("ok mem");
            assert!(answer.number("bytes") > (mib << 20) - (4 << 20), "{answer:?}");
            let last = answer.pairs("sample")[2].0;
            assert_eq!(last, 4 * GIB + (mib << 20) - 2 * GIB - 4096);
        }
    }
}
