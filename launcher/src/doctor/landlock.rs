//! Landlock: which version of it this kernel speaks.

use super::finding::Finding;
use landlock::{AccessFs, LandlockStatus, Ruleset, RulesetAttr};
use std::error::Error;
use std::thread::Builder;

const ID: &str = "landlock";

type Refusal = Box<dyn Error + Send + Sync>;

/// Restricts a thread, and nothing else, since it ends with that.
///
/// # Errors
/// The kernel has Landlock, but refuses; or there is no room for a thread.
pub(super) fn try_it() -> Result<LandlockStatus, Refusal> {
    let restrict = || -> Result<LandlockStatus, Refusal> {
        Ok(Ruleset::default().handle_access(AccessFs::MakeChar)?.create()?.restrict_self()?.landlock)
    };
    let thread = Builder::new().name("landlock".into()).spawn(restrict)?;
    thread.join().unwrap_or_else(|_| Err("the thread that tried it panicked".into()))
}

pub(super) fn examine(tried: Result<LandlockStatus, Refusal>) -> Finding {
    let means = "A launcher that was taken over could open every file that its user may";
    let status = match tried {
        Ok(status) => status,
        Err(error) => return Finding::lacking(ID, format!("it fails: {error}"), means).value(0),
    };
    match status {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            // The kernel's own version is told only where it is newer than what this program knows.
            let version = kernel_abi.unwrap_or(effective_abi as i32);
            Finding::ok(ID, format!("ABI {version}")).value(version)
        }
        LandlockStatus::NotEnabled => Finding::lacking(ID, "this kernel has it, switched off", means)
            .value(0)
            .remedy("Add it to the kernel's parameter: lsm=landlock,..."),
        LandlockStatus::NotImplemented => Finding::lacking(ID, "this kernel has none", means)
            .value(0)
            .remedy("Use a kernel with CONFIG_SECURITY_LANDLOCK (Linux 5.13 or newer)"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;
    use landlock::ABI;

    #[test]
    fn the_kernels_own_version_is_told() {
        let available = |kernel_abi| examine(Ok(LandlockStatus::Available { effective_abi: ABI::V5, kernel_abi }));
        assert_eq!((available(None).found.as_str(), available(None).value), ("ABI 5", 5.into()));
        assert_eq!(available(Some(99)).found, "ABI 99");
    }

    #[test]
    fn switched_off_and_not_there_are_told_apart() {
        let off = examine(Ok(LandlockStatus::NotEnabled));
        let none = examine(Ok(LandlockStatus::NotImplemented));
        assert_eq!((off.status, none.status), (Status::Lacking, Status::Lacking));
        assert!(off.remedy != none.remedy && off.found != none.found);
        assert_eq!(examine(Err("no room".into())).found, "it fails: no room");
    }
}
