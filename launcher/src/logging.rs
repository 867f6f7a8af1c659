//! Where log lines go: standard error.

use crate::console::MessageWriter;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stderr};
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Says what is logged.
pub(crate) const VARIABLE: &str = "PODVISOR_LOG";
/// What is logged when nothing is said.
const DEFAULT: &str = "warn";

/// Why nothing can be logged.
#[derive(Debug, Error)]
pub(crate) enum LoggingError {
    #[error(
        "Cannot understand {VARIABLE}={0:?}: write a level (error, warn, info, debug, trace) or parts, as in \"warn,vmm=debug\""
    )]
    Filter(OsString, #[source] Option<ParseError>),
}

/// Logs from now on as `wanted` (the value of [`VARIABLE`]) says.
///
/// # Errors
/// It says nothing that is understood.
pub(crate) fn install(wanted: Option<&OsStr>) -> Result<(), LoggingError> {
    let filter = filter(wanted)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(MessageWriter)
        .with_ansi(stderr().is_terminal())
        .init();
    Ok(())
}

fn filter(wanted: Option<&OsStr>) -> Result<EnvFilter, LoggingError> {
    let Some(wanted) = wanted else { return Ok(EnvFilter::new(DEFAULT)) };
    let text = wanted.to_str().ok_or_else(|| LoggingError::Filter(wanted.into(), None))?;
    EnvFilter::builder().parse(text).map_err(|error| LoggingError::Filter(wanted.into(), Some(error)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_logged_when_nothing_is_said() {
        assert_eq!(filter(None).unwrap().to_string(), "warn");
    }

    #[test]
    fn levels_and_parts_are_understood_and_nothing_else() {
        for text in ["debug", "warn,vmm=debug", "off"] {
            filter(Some(OsStr::new(text))).unwrap();
        }
        for text in ["vmm=loud", "a=b=c"] {
            assert!(filter(Some(OsStr::new(text))).is_err(), "{text}");
        }
    }
}
