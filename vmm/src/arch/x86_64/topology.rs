//! How vCPUs are arranged in sockets, cores and threads, and the APIC ids that follow from it.
//!
//! An APIC id is a concatenation of bit fields, the thread in the lowest bits, then the core, then the socket
//! (Intel SDM volume 3, 10.9.1; AMD APM volume 3, E.5). Each field is as wide as its level needs, so that ids have
//! gaps where a level is not a power of two: 2 sockets x 3 cores gives 0, 1, 2, 4, 5, 6.
//!
//! CPUID, the MADT, the MP table and KVM's vCPU ids all take their ids from here.

use crate::config::CpuTopology;
use thiserror::Error;

/// The highest APIC id of a machine: 255 is the broadcast of xAPIC mode, and the in-kernel irqchip's IOAPIC and
/// MSIs address 8 bits.
pub(crate) const MAX_APIC_ID: u32 = 254;

/// Where one vCPU stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its APIC id, which is also KVM's id of the vCPU.
    pub apic_id: u32,
    /// Its socket, from 0.
    pub socket: u32,
    /// Its core within the socket, from 0.
    pub core: u32,
    /// Its thread within the core, from 0.
    pub thread: u32,
}

/// Why a topology cannot be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyError {
    /// A level with nothing in it.
    #[error("The CPU topology {sockets}x{cores}x{threads} (sockets x cores x threads) has a zero in it")]
    Empty {
        /// Sockets.
        sockets: u32,
        /// Cores per socket.
        cores: u32,
        /// Threads per core.
        threads: u32,
    },
    /// The ids of the vCPUs which are there at the start do not fit.
    #[error(
        "{boot} vCPUs arranged as {sockets}x{cores}x{threads} (sockets x cores x threads) need APIC ids up to \
         {apic_id}, and {MAX_APIC_ID} is the highest: choose fewer vCPUs, or powers of two for cores and threads"
    )]
    TooManyIds {
        /// vCPUs at the start.
        boot: u32,
        /// Sockets.
        sockets: u32,
        /// Cores per socket.
        cores: u32,
        /// Threads per core.
        threads: u32,
        /// The highest id that the sockets of these vCPUs take.
        apic_id: u128,
    },
}

/// The arrangement of all vCPUs that a machine may ever have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topology {
    sockets: u32,
    cores: u32,
    threads: u32,
}

impl Topology {
    /// The arrangement `wanted`, with as many whole sockets of it as have APIC ids. [`Topology::cpus`] is less than
    /// the product of `wanted` when sockets had to be left out: the caller warns of it.
    ///
    /// # Errors
    /// A level is zero, or the first `boot` vCPUs already need higher ids than there are.
    pub(crate) fn new(wanted: CpuTopology, boot: u32) -> Result<Self, TopologyError> {
        let CpuTopology { sockets, cores, threads } = wanted;
        if sockets == 0 || cores == 0 || threads == 0 {
            return Err(TopologyError::Empty { sockets, cores, threads });
        }
        // 128 bits: the widths of any two levels fit.
        let per_socket = u128::from(cores) * u128::from(threads);
        let stride = 1u128 << (bits_for(cores) + bits_for(threads));
        // The highest id of a socket, counted from its first one.
        let highest = (u128::from(cores - 1) << bits_for(threads)) | u128::from(threads - 1);
        let fitting = match u128::from(MAX_APIC_ID).checked_sub(highest) {
            Some(room) => room / stride + 1,
            None => 0,
        };
        let fitting = u32::try_from(fitting).unwrap_or(u32::MAX).min(sockets);
        if u128::from(boot) > u128::from(fitting) * per_socket {
            let last_socket = u128::from(boot - 1) / per_socket;
            return Err(TopologyError::TooManyIds {
                boot,
                sockets,
                cores,
                threads,
                apic_id: last_socket * stride + highest,
            });
        }
        // A machine without vCPUs is refused by the configuration; keep the type total all the same.
        Ok(Self { sockets: fitting.max(1), cores, threads })
    }

    /// How many vCPUs the machine may have.
    pub(crate) fn cpus(&self) -> u32 {
        self.sockets * self.cpus_per_socket()
    }

    /// Threads of one core.
    pub(crate) fn threads_per_core(&self) -> u32 {
        self.threads
    }

    /// vCPUs of one socket.
    pub(crate) fn cpus_per_socket(&self) -> u32 {
        self.cores * self.threads
    }

    /// Bits of an APIC id below the core field.
    pub(crate) fn core_shift(&self) -> u32 {
        bits_for(self.threads)
    }

    /// Bits of an APIC id below the socket field.
    pub(crate) fn socket_shift(&self) -> u32 {
        bits_for(self.threads) + bits_for(self.cores)
    }

    /// Where the vCPU with number `index` stands: threads are counted first, then cores, then sockets.
    pub(crate) fn place(&self, index: u32) -> Place {
        let thread = index % self.threads;
        let core = index / self.threads % self.cores;
        let socket = index / self.threads / self.cores;
        let apic_id = (socket << self.socket_shift()) | (core << self.core_shift()) | thread;
        Place { apic_id, socket, core, thread }
    }

    /// The APIC ids of all vCPUs, by index.
    pub(crate) fn apic_ids(&self) -> impl Iterator<Item = u32> + use<> {
        let topology = *self;
        (0..self.cpus()).map(move |index| topology.place(index).apic_id)
    }
}

/// How many bits tell `count` things apart.
fn bits_for(count: u32) -> u32 {
    count.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topology(sockets: u32, cores: u32, threads: u32) -> Topology {
        Topology::new(CpuTopology { sockets, cores, threads }, 1).unwrap()
    }

    fn ids(sockets: u32, cores: u32, threads: u32) -> Vec<u32> {
        topology(sockets, cores, threads).apic_ids().collect()
    }

    #[test]
    fn ids_have_gaps_where_a_level_is_no_power_of_two() {
        assert_eq!(ids(2, 3, 1), [0, 1, 2, 4, 5, 6]);
        assert_eq!(ids(1, 3, 2), [0, 1, 2, 3, 4, 5]);
        assert_eq!(ids(2, 3, 2), [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]);
        assert_eq!(ids(2, 1, 3), [0, 1, 2, 4, 5, 6]);
        assert_eq!(ids(16, 1, 1), (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn bits_for_is_the_rounded_up_logarithm() {
        assert_eq!([0, 1, 2, 3, 4, 5, 8, 9].map(bits_for), [0, 0, 1, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn sockets_without_ids_are_left_out_and_boot_vcpus_without_ids_are_refused() {
        // 3 cores take 4 ids each: 63 sockets end at 250, the 64th at 254.
        assert_eq!(topology(64, 3, 1).cpus(), 192);
        assert_eq!(topology(65, 3, 1).cpus(), 192);
        assert_eq!(topology(256, 1, 1).cpus(), 255);
        let wanted = CpuTopology { sockets: 65, cores: 3, threads: 1 };
        assert!(Topology::new(wanted, 192).is_ok());
        assert_eq!(
            Topology::new(wanted, 193),
            Err(TopologyError::TooManyIds { boot: 193, sockets: 65, cores: 3, threads: 1, apic_id: 258 })
        );
        let huge = CpuTopology { sockets: u32::MAX, cores: u32::MAX, threads: u32::MAX };
        assert!(matches!(Topology::new(huge, 1), Err(TopologyError::TooManyIds { .. })));
    }

    #[test]
    fn a_level_with_nothing_in_it_is_refused() {
        let wanted = CpuTopology { sockets: 1, cores: 0, threads: 1 };
        assert_eq!(Topology::new(wanted, 1), Err(TopologyError::Empty { sockets: 1, cores: 0, threads: 1 }));
    }

    proptest! {
        #[test]
        fn ids_are_unique_rising_and_tell_the_place(sockets in 1u32..40, cores in 1u32..20, threads in 1u32..5) {
            let Ok(topology) = Topology::new(CpuTopology { sockets, cores, threads }, 1) else {
                return Err(TestCaseError::fail("one vCPU always fits"));
            };
            let mut previous = None;
            for index in 0..topology.cpus() {
                let place = topology.place(index);
                prop_assert!(previous < Some(place.apic_id));
                prop_assert!(place.apic_id <= MAX_APIC_ID);
                // As software decodes it: from the shifts alone.
                prop_assert_eq!(place.apic_id >> topology.socket_shift(), place.socket);
                let core_mask = (1 << (topology.socket_shift() - topology.core_shift())) - 1;
                prop_assert_eq!((place.apic_id >> topology.core_shift()) & core_mask, place.core);
                prop_assert_eq!(place.apic_id & ((1 << topology.core_shift()) - 1), place.thread);
                prop_assert_eq!((place.socket * cores + place.core) * threads + place.thread, index);
                previous = Some(place.apic_id);
            }
            prop_assert_eq!(topology.cpus() % (cores * threads), 0);
        }
    }
}
