//! One L1 after the other on the same disk, each but the last killed while its guests write.

use std::fmt::Write;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use integration::images::Images;
use integration::machine::test_guest;
use integration::nested::{L1, compile, make_ext4};
use integration::paths;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(1200);
/// What `ledger` writes to.
const DISK_MIB: u32 = 16;
/// Rounds of one boot begin here and at its multiples.
const ROUNDS: u64 = 1 << 16;

/// How a guest has its disk.
#[derive(Clone, Copy, Debug)]
pub enum Bus {
    Virtio,
    Scsi,
    Sata,
}

impl Bus {
    /// The launcher's `--board` and `bus=`, and the disk's name in the guest.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Virtio => ["microvm", "virtio", "0"],
            Self::Scsi => ["microvm", "scsi", "scsi:0"],
            Self::Sata => ["q35", "sata", "sata:0"],
        }
    }
}

/// A disk in L1, and what its guest relies on.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    /// The bus that the writing guest has it on.
    pub bus: Bus,
    /// The launcher's `cache=`.
    pub cache: &'static str,
    /// The file has no blocks at first.
    pub sparse: bool,
    /// After what everything must survive: `flush`, or each `write`.
    pub promise: &'static str,
}

/// Guests of these cases write side by side, and are cut off together.
#[derive(Debug)]
pub struct Cuts {
    pub cases: &'static [Case],
    /// L1 does what `fsync` and its like promise.
    pub host_syncs: bool,
}

/// What came out of the guest of a case.
#[derive(Clone, Debug, Default)]
struct Ledger {
    /// What was kept, by boot.
    kept: Vec<RangeInclusive<u64>>,
    /// Places that the last audit found lost.
    lost: Option<u64>,
}

impl Ledger {
    /// Rounds that were kept since boot `boot`.
    fn since(&self, boot: u64) -> u64 {
        self.kept.last().map_or(0, |rounds| rounds.end().saturating_sub(boot * ROUNDS))
    }

    /// Takes note of a line of the guest.
    fn read(&mut self, line: &str, boot: u64) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["kept", round] => {
                // The console is cut off too, in the middle of a number perhaps: then it is too small a number.
                let round = round.parse::<u64>().unwrap_or(0);
                let first = boot * ROUNDS + 1;
                match self.kept.last_mut() {
                    Some(rounds) if *rounds.start() == first => *rounds = first..=round.max(*rounds.end()),
                    _ if round >= first => self.kept.push(first..=round),
                    _ => {}
                }
            }
            ["ok", "audit", ..] => {
                println!("{line}");
                let lost = words.iter().find_map(|word| word.strip_prefix("lost="));
                self.lost = lost.and_then(|lost| lost.parse().ok());
            }
            ["fail" | "fault" | "panic", ..] => panic!("{line}"),
            _ => {}
        }
    }
}

impl Cuts {
    /// Cuts the power so many times; returns how many places each case had lost after each cut.
    pub fn run(&self, cuts: u64) -> Vec<Vec<u64>> {
        let images = Images::ensure().unwrap();
        let directory = TempDir::with_prefix("podvisor-power-cut-").unwrap();
        let disk = directory.path().join("disk");
        let nothing = directory.path().join("nothing");
        std::fs::create_dir(&nothing).unwrap();
        make_ext4(&nothing, &disk, 256).unwrap();
        let no_sync = compile("no_sync.c", directory.path()).unwrap();

        let mut ledgers = vec![Ledger::default(); self.cases.len()];
        let mut losses = Vec::new();
        for boot in 0..=cuts {
            let last = boot == cuts;
            let l1 = self.l1(&images, &disk, &no_sync);
            let targets: Vec<u64> = (0..).zip(self.cases).map(|(case, _)| target(boot * 16 + case)).collect();
            ledgers.iter_mut().for_each(|ledger| ledger.lost = None);
            let status = l1.run_until_cut(&self.script(boot, last, &ledgers), LIMIT, |line| {
                let (name, line) = line.split_once(' ').unwrap_or_default();
                if let Some(case) = self.cases.iter().position(|case| case.name == name) {
                    ledgers[case].read(line, boot);
                }
                let reached = ledgers.iter().zip(&targets).all(|(ledger, target)| ledger.since(boot) >= *target);
                if reached && !last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(status.unwrap(), last.then_some(0), "boot {boot}: {ledgers:?}");
            if boot > 0 {
                losses.push(ledgers.iter().map(|ledger| ledger.lost.expect("an audit")).collect());
            }
        }
        losses
    }

    fn l1<'a>(&self, images: &'a Images, disk: &Path, no_sync: &Path) -> L1<'a> {
        let l1 = L1::new(images).unwrap().module("ext4").module("crc32c_generic").writable_disk(disk);
        let l1 = l1.program(&paths::launcher(), "/bin/launcher").file(&test_guest(), "/guest");
        if self.host_syncs { l1 } else { l1.file(no_sync, "/bin/no_sync") }
    }

    /// What L1 does: the first time it makes the disks; later it has them audited; and all but the last time it has them
    /// written until it is killed.
    fn script(&self, boot: u64, last: bool, ledgers: &[Ledger]) -> String {
        let (options, run) = match self.host_syncs {
            true => ("", "launcher"),
            // What nobody has synced stays in memory.
            false => ("-o commit=3000", "no_sync launcher"),
        };
        let mut script = format!(
            "echo 0 >/proc/sys/vm/dirty_writeback_centisecs\nmkdir -p /mnt\n\
             mount -t ext4 {options} /dev/vda /mnt || exit\n\
             guest() {{ {run} run --kernel /guest --memory 32Mi --board $3 --on-reboot exit \
             --disk path=/mnt/$1,cache=$2,bus=$4 --cmdline \"$5\" </dev/null 2>&1 \
             | while read -r line; do echo \"$1 $line\"; done; }}\n"
        );
        for (Case { name, bus, cache, sparse, promise }, ledger) in self.cases.iter().zip(ledgers) {
            match (boot, sparse) {
                (0, true) => writeln!(script, "dd if=/dev/zero of=/mnt/{name} bs=1M count=0 seek={DISK_MIB} 2>&1"),
                (0, false) => writeln!(script, "dd if=/dev/zero of=/mnt/{name} bs=1M count={DISK_MIB} 2>&1"),
                _ => {
                    let kept = ledger.kept.iter().fold(String::new(), |mut text, rounds| {
                        let _ = write!(text, ",{}-{}", rounds.start(), rounds.end());
                        text
                    });
                    writeln!(script, "guest {name} {cache} microvm virtio audit=0{kept}\\ poweroff")
                }
            }
            .unwrap();
            if !last {
                let first = boot * ROUNDS + 1;
                let [board, bus, disk] = bus.words();
                let write = format!("ledger={disk},{first},{promise}");
                writeln!(script, "start=\"$start guest {name} {cache} {board} {bus} {write} &\"").unwrap();
            }
        }
        script + "sync\neval \"$start\"\nwait\n"
    }
}

/// After how many kept rounds the power may go: random, but the same in each run.
fn target(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    20 + (mixed >> 32) % 100
}
