//! What a test runs on: a board, and the way in which the kernel is entered.

use vmm::{BoardConfig, KernelEntry, ResetSource};

use super::builder::TestMachine;
use super::kvm_or_skip;

/// A board and an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// microvm, found by ACPI; the kernel's note chooses the entry.
    Microvm,
    /// microvm, found by the command line and an MP table.
    MicrovmWithoutAcpi,
    /// q35 and this entry.
    Q35(KernelEntry),
}

impl Scene {
    /// A machine whose guest runs `script`; `None` when this host cannot run any, which is then recorded as a skip of
    /// the calling test.
    pub fn script(self, script: &str) -> Option<TestMachine> {
        kvm_or_skip().then(|| self.machine(script))
    }

    /// As [`Scene::script`], where `/dev/kvm` is known to be there.
    pub fn machine(self, script: &str) -> TestMachine {
        TestMachine::new(script).board(self.board()).entry(self.entry())
    }

    fn board(self) -> BoardConfig {
        match self {
            Self::Microvm => BoardConfig::Microvm { acpi: true },
            Self::MicrovmWithoutAcpi => BoardConfig::Microvm { acpi: false },
            Self::Q35(_) => BoardConfig::Q35 {},
        }
    }

    fn entry(self) -> KernelEntry {
        match self {
            Self::Microvm | Self::MicrovmWithoutAcpi => KernelEntry::default(),
            Self::Q35(entry) => entry,
        }
    }

    /// The entry that the guest must find.
    pub fn entry_name(self) -> &'static str {
        if self.entry() == KernelEntry::Linux64 { "linux64" } else { "pvh" }
    }

    /// How the guest can reset the machine, and what its owner hears.
    pub fn reset_sources(self) -> &'static [(&'static str, ResetSource)] {
        match self {
            Self::Microvm => {
                &[("i8042", ResetSource::I8042), ("acpi", ResetSource::Acpi), ("triple", ResetSource::TripleFault)]
            }
            Self::MicrovmWithoutAcpi => &[("i8042", ResetSource::I8042), ("triple", ResetSource::TripleFault)],
            Self::Q35(_) => &[
                ("i8042", ResetSource::I8042),
                ("cf9", ResetSource::ResetControl),
                ("acpi", ResetSource::ResetControl),
                ("triple", ResetSource::TripleFault),
            ],
        }
    }
}
