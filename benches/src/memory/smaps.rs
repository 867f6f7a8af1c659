//! What a process takes, by `/proc/PID/smaps` (proc_pid_smaps(5)).

use std::fs;

use anyhow::{Context as _, Result, ensure};

/// The proportional set size of a process, in KiB: what is shared counts for each by its share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Pages of guest RAM that are mapped.
    pub guest: u64,
    /// All else.
    pub beyond: u64,
}

/// What `process` takes, whose guests have `ram_kib` of RAM each.
///
/// # Errors
/// It has ended, or has no mapping of a guest's RAM.
pub(crate) fn of_process(process: u32, ram_kib: u64) -> Result<Taken> {
    let path = format!("/proc/{process}/smaps");
    let taken = sum(&fs::read_to_string(&path).with_context(|| format!("Cannot read {path}"))?, ram_kib);
    ensure!(taken.guest > 0, "No guest's RAM is among the mappings in {path}");
    Ok(taken)
}

/// Guest RAM is known by its size: neighbours that the kernel has joined have a multiple of it. No other mapping of a
/// machine is as large.
fn sum(smaps: &str, ram_kib: u64) -> Taken {
    let (mut taken, mut is_guest) = (Taken::default(), false);
    for line in smaps.lines() {
        match line.split_once(':') {
            Some(("Size", size)) => is_guest = kib(size) >= ram_kib && kib(size).is_multiple_of(ram_kib),
            Some(("Pss", size)) if is_guest => taken.guest += kib(size),
            Some(("Pss", size)) => taken.beyond += kib(size),
            _ => {}
        }
    }
    taken
}

/// The number in `  123 kB`; other lines have none that matter.
fn kib(text: &str) -> u64 {
    text.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_memory_is_what_has_its_size_or_a_multiple_of_it() {
        let smaps = "\
55d0-55d1 r-xp 00000000 fe:00 7 /usr/bin/x
Size:                400 kB
Rss:                 300 kB
Pss:                 150 kB
Pss_Dirty:            10 kB
7f00-7f10 rw-p 00000000 00:00 0
Size:               1024 kB
Pss:                  36 kB
7f20-7f40 rw-p 00000000 00:00 0
Size:               2048 kB
Pss:                   4 kB
7f50-7f51 rw-p 00000000 00:00 0 [stack]
Size:               1028 kB
Pss:                   2 kB
";
        assert_eq!(sum(smaps, 1024), Taken { guest: 40, beyond: 152 });
    }
}
