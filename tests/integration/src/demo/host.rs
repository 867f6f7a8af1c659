//! What this machine's `/dev/kvm` can run.

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;

use crate::host_differences::{self, HostKind};

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// KVM on VMX or SVM.
    Hardware,
    /// KVM without either.
    Pvm,
    /// `/dev/kvm` cannot be opened.
    Closed(ErrorKind),
}

impl Host {
    /// Tries to open `/dev/kvm`.
    pub(super) fn look() -> Self {
        match OpenOptions::new().read(true).write(true).open("/dev/kvm") {
            Ok(_) if host_differences::host().kind == HostKind::Pvm => Self::Pvm,
            Ok(_) => Self::Hardware,
            Err(error) => Self::Closed(error.kind()),
        }
    }

    /// Whether machines can be made at all.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Self::Closed(_))
    }

    /// Whether an unmodified Linux boots on it.
    pub(super) fn runs_linux(&self) -> bool {
        *self == Self::Hardware
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hardware => f.write_str("/dev/kvm has VMX or SVM: Linux runs on it."),
            Self::Pvm => f.write_str(
                "/dev/kvm is PVM, which cannot run Linux natively: the test guest runs on it, and Linux in an emulated \
                 machine.",
            ),
            Self::Closed(ErrorKind::PermissionDenied) => f.write_str(
                "You may not open /dev/kvm (sudo usermod -aG kvm $USER, then log in again): Linux runs in an emulated \
                 machine.",
            ),
            Self::Closed(ErrorKind::NotFound) => {
                f.write_str("There is no /dev/kvm: Linux runs in an emulated machine.")
            }
            Self::Closed(why) => write!(f, "/dev/kvm cannot be opened ({why}): Linux runs in an emulated machine."),
        }
    }
}
