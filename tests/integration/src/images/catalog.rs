//! What is fetched.

use std::fmt;

/// A set of packages that is unpacked together.
#[derive(Debug)]
pub(super) struct Image {
    /// The directory's name and the first word of its lines in the lock file.
    pub(super) name: &'static str,
    /// Debian's suite.
    pub(super) suite: &'static str,
    /// The package that is asked for.
    pub(super) package: &'static str,
    /// Which of it and of what it depends on are unpacked, by name.
    pub(super) keep: fn(&str) -> bool,
}

/// The package that depends on the current kernel and is empty itself.
const CURRENT_KERNEL: &str = "linux-image-cloud-amd64";

/// A kernel is one package in bookworm; image (empty), binary and modules in sid.
fn is_kernel(package: &str) -> bool {
    let part = ["linux-image-", "linux-binary-", "linux-modules-"].iter().any(|part| package.starts_with(part));
    part && package != CURRENT_KERNEL
}

/// The name of QEMU's image.
pub(super) const QEMU: &str = "qemu";
/// The name of busybox's image.
pub(super) const BUSYBOX: &str = "busybox";

/// The name of the image with lspci.
pub(super) const PCIUTILS: &str = "pciutils";
/// The name of the image with lscpu.
pub(super) const UTIL_LINUX: &str = "util-linux";

/// All images.
pub(super) const CATALOG: [Image; 6] = [
    // The first QEMU whose emulated SVM keeps XSAVE state right.
    Image { name: QEMU, suite: "trixie", package: "qemu-system-x86", keep: |_| true },
    Image { name: BUSYBOX, suite: "bookworm", package: "busybox-static", keep: |package| package == "busybox-static" },
    Image { name: PCIUTILS, suite: "bookworm", package: "pciutils", keep: |_| true },
    Image {
        name: UTIL_LINUX,
        suite: "bookworm",
        package: "util-linux",
        keep: |package| ["util-linux", "libsmartcols1", "libc6"].contains(&package),
    },
    Image { name: Kernel::Bookworm.image(), suite: "bookworm", package: CURRENT_KERNEL, keep: is_kernel },
    Image { name: Kernel::Sid.image(), suite: "sid", package: CURRENT_KERNEL, keep: is_kernel },
];

/// Debian's cloud kernels that guests boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// 6.1, a stable kernel.
    Bookworm,
    /// The newest.
    Sid,
}

impl Kernel {
    /// All.
    pub const ALL: [Self; 2] = [Self::Bookworm, Self::Sid];

    pub(super) const fn image(self) -> &'static str {
        match self {
            Self::Bookworm => "kernel-bookworm",
            Self::Sid => "kernel-sid",
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bookworm => "bookworm",
            Self::Sid => "sid",
        })
    }
}
