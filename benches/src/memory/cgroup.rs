//! A control group for a process, to see what the kernel takes for it (cgroup v2).

use std::fs;
use std::path::PathBuf;

/// A group with the memory controller. It goes with its owner, when no process is in it any more.
#[derive(Debug)]
pub(crate) struct Group(PathBuf);

impl Group {
    /// A group below that of this process.
    ///
    /// # Errors
    /// Why there is none: this host has another kind of groups, or does not let this process make one.
    pub(crate) fn new() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| format!("/proc/self/cgroup: {error}"))?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/")).ok_or("this host has no cgroup v2")?;
        let parent = PathBuf::from("/sys/fs/cgroup").join(own);
        let controllers = fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
        if !controllers.split_ascii_whitespace().any(|controller| controller == "memory") {
            return Err(format!(
                "{} does not give the memory controller of cgroup v2 to groups below it",
                parent.display()
            ));
        }
        let group = parent.join(format!("podvisor-bench-{}", std::process::id()));
        fs::create_dir(&group).map_err(|error| format!("{} cannot be made: {error}", group.display()))?;
        Ok(Self(group))
    }

    /// The file that a process writes 0 to, to be in the group.
    pub(crate) fn processes(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    /// KiB of kernel memory that is charged to the group.
    pub(crate) fn kernel_kib(&self) -> Option<u64> {
        kernel(&fs::read_to_string(self.0.join("memory.stat")).ok()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is left of it is empty.
        let _ = fs::remove_dir(&self.0);
    }
}

fn kernel(stat: &str) -> Option<u64> {
    let bytes = stat.lines().find_map(|line| line.strip_prefix("kernel "))?;
    bytes.parse::<u64>().ok().map(|bytes| bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_memory_is_not_its_stacks_alone() {
        let stat = "anon 1\nfile 2\nkernel 4096000\nkernel_stack 16384\n";
        assert_eq!(kernel(stat), Some(4000));
        assert_eq!(kernel("anon 1\n"), None);
    }
}
