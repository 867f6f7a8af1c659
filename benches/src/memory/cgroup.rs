//! A control group for a process, to see what the kernel takes for it.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where hosts mount their groups.
const MOUNTED: &str = "/sys/fs/cgroup";

/// A group with the memory controller. It goes with its owner, when no process is in it any more.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Group {
    /// A new group below that of this process. Each process that is looked at has one of its own: what the kernel still
    /// keeps of one that has ended is not the next one's.
    ///
    /// # Errors
    /// Why there is none: this host has another kind of groups, or does not let this process make one.
    pub(crate) fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
        let parent = match controlled(&own).ok_or("this host has no control groups for memory")? {
            Hierarchy::V1(path) => PathBuf::from(MOUNTED).join("memory").join(path),
            Hierarchy::V2(path) => {
                let parent = PathBuf::from(MOUNTED).join(path);
                let controllers = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
                if !controllers.split_ascii_whitespace().any(|controller| controller == "memory") {
                    let parent = parent.display();
                    return Err(format!("{parent} does not give the memory controller to groups below it"));
                }
                parent
            }
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let group = parent.join(format!("podvisor-bench-{}-{number}", std::process::id()));
        fs::create_dir(&group).map_err(|error| format!("{} cannot be made: {error}", group.display()))?;
        Ok(Self(group))
    }

    /// The file that a process writes 0 to, to be in the group.
    pub(crate) fn processes(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    /// KiB of kernel memory that is charged to the group.
    pub(crate) fn kernel_kib(&self) -> Option<u64> {
        let read = |name| fs::read_to_string(self.0.join(name)).ok();
        // Groups of v2 have no such file.
        let bytes = match read("memory.kmem.usage_in_bytes") {
            Some(bytes) => bytes.trim().parse().ok()?,
            None => kernel(&read("memory.stat")?)?,
        };
        Some(bytes / 1024)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is left of it is empty.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Where the memory controller of a process is, and its group there, as a relative path.
#[derive(Debug, PartialEq, Eq)]
enum Hierarchy<'a> {
    V1(&'a str),
    V2(&'a str),
}

/// Of the lines of `/proc/PID/cgroup`, `number:controllers:path` (cgroups(7)), that of the memory controller: a hierarchy
/// of its own or, without one, that of v2, which has no names of controllers.
fn controlled(lines: &str) -> Option<Hierarchy<'_>> {
    let groups = || {
        lines.lines().filter_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            Some((controllers, path.trim_start_matches('/')))
        })
    };
    let v1 = groups().find(|(controllers, _)| controllers.split(',').any(|controller| controller == "memory"));
    let v2 = || groups().find(|(controllers, _)| controllers.is_empty());
    v1.map(|(_, path)| Hierarchy::V1(path)).or_else(|| v2().map(|(_, path)| Hierarchy::V2(path)))
}

/// Bytes of kernel memory in `memory.stat` of v2.
fn kernel(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("kernel "))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_memory_is_not_its_stacks_alone() {
        let stat = "anon 1\nfile 2\nkernel 4096000\nkernel_stack 16384\n";
        assert_eq!(kernel(stat), Some(4_096_000));
        assert_eq!(kernel("anon 1\n"), None);
    }

    #[test]
    fn memory_is_controlled_by_a_hierarchy_of_its_own_or_by_that_of_v2() {
        assert_eq!(controlled("3:cpu,memory:/a/b:c\n0::/d\n"), Some(Hierarchy::V1("a/b:c")));
        assert_eq!(controlled("1:name=systemd:/\n0::/d\n"), Some(Hierarchy::V2("d")));
        assert_eq!(controlled("1:name=systemd:/\n"), None);
    }
}
