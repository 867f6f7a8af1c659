//! `--pin VCPU=CPUS|others=CPUS`.

use std::str::FromStr;
use thiserror::Error;
use vmm::{CpuPlacement, HostCpus, HostCpusError};

/// Whose threads run on which CPUs of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PinArg {
    /// `None`: all threads that are no vCPU's.
    vcpu: Option<u32>,
    cpus: HostCpus,
}

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum PinArgError {
    #[error(
        "{0:?} places nothing: write the number of a vCPU, or others, then = and host CPUs, as in 0=2 or others=0-1"
    )]
    Malformed(String),
    #[error(transparent)]
    Cpus(#[from] HostCpusError),
}

impl PinArg {
    /// Puts it over what the file says.
    pub(crate) fn apply(&self, placement: &mut CpuPlacement) {
        let cpus = self.cpus.clone();
        match self.vcpu {
            Some(vcpu) => drop(placement.vcpus.insert(vcpu, cpus)),
            None => placement.others = Some(cpus),
        }
    }
}

impl FromStr for PinArg {
    type Err = PinArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || PinArgError::Malformed(text.to_owned());
        let (who, cpus) = text.split_once('=').ok_or_else(malformed)?;
        let vcpu = match who {
            "others" => None,
            number => Some(number.parse().map_err(|_| malformed())?),
        };
        Ok(Self { vcpu, cpus: cpus.parse()? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_vcpu_and_the_other_threads_are_placed() {
        let mut placement = CpuPlacement::default();
        for text in ["0=2", "1=3-4,7", "others=0", "0=5"] {
            text.parse::<PinArg>().unwrap().apply(&mut placement);
        }
        let vcpus: Vec<_> = placement.vcpus.iter().map(|(vcpu, cpus)| (*vcpu, cpus.to_string())).collect();
        assert_eq!(vcpus, [(0, "5".into()), (1, "3-4,7".into())]);
        assert_eq!(placement.others.unwrap().to_string(), "0");
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for text in ["", "0", "vcpu0=1", "-1=0", "other=1"] {
            assert_eq!(text.parse::<PinArg>(), Err(PinArgError::Malformed(text.into())), "{text:?}");
        }
        assert_eq!("0=x".parse::<PinArg>(), Err(PinArgError::Cpus(HostCpusError::Malformed("x".into()))));
    }
}
