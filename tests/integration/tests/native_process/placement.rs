//! The threads of a machine run on the CPUs that its configuration names.

use std::fs;

use integration::machine::{Scene, kvm_or_skip};
use vmm::{CpuPlacement, HostCpus};

use super::{alone, chain};

/// The value of `key` in the status of a thread of this process.
fn status(thread: &str, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
}

/// Where the thread called `name` may run.
fn cpus_of(name: &str) -> HostCpus {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().file_name());
    let threads = threads.map(|thread| thread.into_string().unwrap());
    let called = threads.filter(|thread| status(thread, "Name:").is_some_and(|found| found == name));
    // The youngest: one of the boot before stands in the list for a moment after it was joined.
    let thread = called.max_by_key(|thread| thread.parse::<u32>().unwrap());
    let thread = thread.unwrap_or_else(|| panic!("no thread is called {name}"));
    status(&thread, "Cpus_allowed_list:").unwrap().parse().unwrap()
}

fn this_process() -> HostCpus {
    let process = std::process::id().to_string();
    status(&process, "Cpus_allowed_list:").unwrap().parse().unwrap()
}

fn single(cpu: u32) -> HostCpus {
    cpu.to_string().parse().unwrap()
}

#[test]
fn vcpus_and_other_threads_run_where_the_configuration_says() {
    let _alone = alone();
    if !kvm_or_skip() {
        return;
    }
    let everywhere = this_process();
    let cpus: Vec<u32> = everywhere.iter().collect();
    let (first, last) = (single(cpus[0]), single(cpus[cpus.len() - 1]));
    let placement = CpuPlacement { vcpus: [(0, last.clone()), (1, first.clone())].into(), others: Some(first.clone()) };
    let machine = Scene::Microvm.machine("smp wait poweroff").cpus(3);
    let mut guest = machine.configured(|config| config.cpus.placement = Some(placement)).start();
    guest.line("waiting");
    for boot in 0..2 {
        assert_eq!(cpus_of("vcpu0"), last, "boot {boot}");
        assert_eq!(cpus_of("vcpu1"), first);
        assert_eq!(cpus_of("vcpu2"), everywhere);
        for other in ["driver", "event-loop", "io-shared"] {
            assert_eq!(cpus_of(other), first, "{other}");
        }
        guest.handle.reset().unwrap();
        guest.line("waiting");
    }
}

#[test]
fn a_cpu_that_the_host_has_not_is_refused_by_name() {
    let _alone = alone();
    if !kvm_or_skip() {
        return;
    }
    let placement = CpuPlacement { vcpus: [(0, single(8191))].into(), others: None };
    let machine = Scene::Microvm.machine("poweroff").configured(|config| config.cpus.placement = Some(placement));
    let error = chain(machine.try_build().unwrap_err());
    assert!(error.contains("vcpu0 cannot run on host CPU 8191"), "{error}");
}
