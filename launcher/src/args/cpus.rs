//! `--cpus N[,sockets=S][,cores=C][,threads=T][,max=M]`.

use std::str::FromStr;
use thiserror::Error;
use vmm::{CpuTopology, CpusConfig};

/// The vCPUs as the command line gives them; the machine's own rules (the limit, the product) are not checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CpusArg(pub(crate) CpusConfig);

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum CpusArgError {
    #[error("{0:?} is not a number of vCPUs: write N[,sockets=S][,cores=C][,threads=T][,max=M]")]
    Count(String),
    #[error("{0:?} is not known: after the number come sockets=, cores=, threads= and max=")]
    UnknownKey(String),
    #[error("{key}={value:?} is not a number")]
    Number { key: String, value: String },
    #[error("{0}= is given twice")]
    Twice(String),
}

impl FromStr for CpusArg {
    type Err = CpusArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(',');
        let count = parts.next().unwrap_or_default();
        let boot: u32 = count.parse().map_err(|_| CpusArgError::Count(count.into()))?;
        let (mut sockets, mut cores, mut threads, mut max) = (None, None, None, None);
        for part in parts {
            let Some((key, value)) = part.split_once('=') else {
                return Err(CpusArgError::UnknownKey(part.into()));
            };
            let place = match key {
                "sockets" => &mut sockets,
                "cores" => &mut cores,
                "threads" => &mut threads,
                "max" => &mut max,
                _ => return Err(CpusArgError::UnknownKey(key.into())),
            };
            let number = value.parse().map_err(|_| CpusArgError::Number { key: key.into(), value: value.into() })?;
            if place.replace(number).is_some() {
                return Err(CpusArgError::Twice(key.into()));
            }
        }
        let topology = (sockets.is_some() || cores.is_some() || threads.is_some())
            .then(|| topology(max.unwrap_or(boot), sockets, cores, threads));
        Ok(Self(CpusConfig { boot, max, topology, placement: None }))
    }
}

/// Fills in what was left out: one thread per core, one core per socket, and as many sockets as `cpus` need.
fn topology(cpus: u32, sockets: Option<u32>, cores: Option<u32>, threads: Option<u32>) -> CpuTopology {
    let (cores, threads) = (cores.unwrap_or(1), threads.unwrap_or(1));
    let per_socket = cores.saturating_mul(threads).max(1); // a zero is for the configuration's rules to refuse
    CpuTopology { sockets: sockets.unwrap_or(cpus.div_ceil(per_socket)), cores, threads }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (u32, Option<u32>, Option<(u32, u32, u32)>) {
        let CpusArg(cpus) = text.parse().unwrap();
        (cpus.boot, cpus.max, cpus.topology.map(|t| (t.sockets, t.cores, t.threads)))
    }

    #[test]
    fn the_number_and_the_topology_are_read() {
        assert_eq!(parsed("2"), (2, None, None));
        assert_eq!(parsed("0"), (0, None, None));
        assert_eq!(parsed("2,max=4"), (2, Some(4), None));
        assert_eq!(parsed("6,sockets=2,cores=3,threads=1"), (6, None, Some((2, 3, 1))));
        assert_eq!(parsed("1,max=8,threads=2,cores=2,sockets=2"), (1, Some(8), Some((2, 2, 2))));
    }

    #[test]
    fn what_the_topology_leaves_out_is_filled_in() {
        assert_eq!(parsed("4,cores=2"), (4, None, Some((2, 2, 1))));
        assert_eq!(parsed("4,sockets=4"), (4, None, Some((4, 1, 1))));
        assert_eq!(parsed("8,threads=2"), (8, None, Some((4, 1, 2))));
        assert_eq!(parsed("2,cores=2,max=8"), (2, Some(8), Some((4, 2, 1))));
        assert_eq!(parsed("3,cores=2"), (3, None, Some((2, 2, 1))));
        assert_eq!(parsed("4,cores=0"), (4, None, Some((4, 0, 1))));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let unknown = |key: &str| CpusArgError::UnknownKey(key.into());
        let cases = [
            ("", CpusArgError::Count(String::new())),
            ("two", CpusArgError::Count("two".into())),
            ("-1", CpusArgError::Count("-1".into())),
            ("4294967296", CpusArgError::Count("4294967296".into())),
            ("2,", unknown("")),
            ("2,cores", unknown("cores")),
            ("2,dies=2", unknown("dies")),
            ("2,cores=two", CpusArgError::Number { key: "cores".into(), value: "two".into() }),
            ("2,max=", CpusArgError::Number { key: "max".into(), value: String::new() }),
            ("2,max=4,max=8", CpusArgError::Twice("max".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<CpusArg>(), Err(error), "{text:?}");
        }
    }
}
