//! Keeps a machine's threads on the host's CPUs that its configuration names.

use crate::config::{CpuPlacement, HostCpus};
use crate::thread::ThreadRole;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::BTreeMap;
use std::io;
use thiserror::Error;

/// Why the threads cannot run where they should.
#[derive(Debug, Error)]
pub(crate) enum PlacementError {
    /// The program itself may not run there, or the host has no such CPU.
    #[error("{who} cannot run on host CPU {cpu}: this program may use the CPUs {allowed} only (taskset, or the control group's cpuset)", allowed = list(.allowed))]
    NotAllowed {
        /// Whose threads.
        who: String,
        /// The CPU.
        cpu: u32,
        /// What the program may use.
        allowed: Vec<u32>,
    },
    /// The host does not say where the program may run.
    #[error("Cannot ask on which CPUs this program may run")]
    Ask(#[source] io::Error),
}

fn list(cpus: &[u32]) -> String {
    cpus.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Where threads run, by their role.
#[derive(Debug, Default)]
pub(crate) struct Placement {
    vcpus: BTreeMap<u32, CpuSet>,
    others: Option<CpuSet>,
    /// Where the program runs, as soon as anything is placed: a thread begins where the one runs that made it.
    program: Option<CpuSet>,
}

impl Placement {
    /// What `config` asks for.
    ///
    /// # Errors
    /// The program may not use one of the CPUs.
    pub(crate) fn new(config: Option<&CpuPlacement>) -> Result<Self, PlacementError> {
        let Some(config) = config else { return Ok(Self::default()) };
        let allowed = sched_getaffinity(None).map_err(|error| PlacementError::Ask(error.into()))?;
        let vcpus = config.vcpus.iter().map(|(index, cpus)| {
            let set = set(cpus, &allowed, || ThreadRole::Vcpu(*index).to_string())?;
            Ok((*index, set))
        });
        let others = config.others.as_ref().map(|cpus| set(cpus, &allowed, || "The machine's other threads".into()));
        let (vcpus, others) = (vcpus.collect::<Result<_, _>>()?, others.transpose()?);
        Ok(Self { vcpus, others, program: Some(allowed) })
    }

    /// Moves the calling thread to where `role` runs.
    pub(crate) fn apply(&self, role: &ThreadRole) -> io::Result<()> {
        let cpus = match role {
            ThreadRole::Vcpu(index) => self.vcpus.get(index),
            _ => self.others.as_ref(),
        };
        cpus.or(self.program.as_ref()).map_or(Ok(()), |cpus| Ok(sched_setaffinity(None, cpus)?))
    }
}

fn set(cpus: &HostCpus, allowed: &CpuSet, who: impl FnOnce() -> String) -> Result<CpuSet, PlacementError> {
    let mut set = CpuSet::new();
    for cpu in cpus.iter() {
        let index = usize::try_from(cpu).unwrap_or(usize::MAX);
        if index >= CpuSet::MAX_CPU || !allowed.is_set(index) {
            let allowed = (0_u32..).zip(0..CpuSet::MAX_CPU).filter(|(_, index)| allowed.is_set(*index));
            let allowed = allowed.map(|(cpu, _)| cpu).collect();
            return Err(PlacementError::NotAllowed { who: who(), cpu, allowed });
        }
        set.set(index);
    }
    Ok(set)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::thread::Threads;
    use std::sync::Arc;

    /// The first CPU that this process may use.
    fn usable() -> u32 {
        let allowed = sched_getaffinity(None).unwrap();
        (0_u32..).zip(0..CpuSet::MAX_CPU).find(|(_, index)| allowed.is_set(*index)).unwrap().0
    }

    /// Where a thread of `role` runs.
    fn place_of(config: &CpuPlacement, role: ThreadRole) -> CpuSet {
        let threads = Threads::new(Placement::new(Some(config)).unwrap(), Arc::new(|_| Ok(())));
        threads.spawn(role, || sched_getaffinity(None).unwrap()).unwrap().join().unwrap().unwrap()
    }

    #[test]
    fn each_thread_runs_on_the_cpus_of_its_role_and_others_where_the_program_runs() {
        let cpu: HostCpus = usable().to_string().parse().unwrap();
        let mut single = CpuSet::new();
        single.set(usize::try_from(usable()).unwrap());
        let everywhere = sched_getaffinity(None).unwrap();

        let config = CpuPlacement { vcpus: [(0, cpu.clone())].into(), others: None };
        assert_eq!(place_of(&config, ThreadRole::Vcpu(0)), single);
        assert_eq!(place_of(&config, ThreadRole::Vcpu(1)), everywhere);
        assert_eq!(place_of(&config, ThreadRole::EventLoop), everywhere);

        let config = CpuPlacement { vcpus: BTreeMap::new(), others: Some(cpu) };
        assert_eq!(place_of(&config, ThreadRole::Vcpu(0)), everywhere);
        assert_eq!(place_of(&config, ThreadRole::Worker("disk0".into())), single);
        assert_eq!(place_of(&config, ThreadRole::Driver), single);
    }

    #[test]
    fn a_cpu_that_the_program_may_not_use_is_refused_by_name() {
        for cpu in ["1023", "8191"] {
            let config = CpuPlacement { vcpus: [(0, cpu.parse().unwrap())].into(), others: None };
            let error = Placement::new(Some(&config)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("vcpu0 cannot run on host CPU {cpu}: ")), "{error}");
            assert!(error.contains(&usable().to_string()), "{error}");
        }
    }
}
