//! A set of CPUID leaves that is looked up and edited by leaf and subleaf.

use kvm_bindings::{KVM_CPUID_FLAG_SIGNIFCANT_INDEX, kvm_cpuid_entry2};

/// The four registers that CPUID answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Regs {
    pub eax: u32,
    pub ebx: u32,
    pub ecx: u32,
    pub edx: u32,
}

/// CPUID leaves in KVM's form. What is not in it reads as zero.
#[derive(Clone, Debug)]
pub(super) struct Table(Vec<kvm_cpuid_entry2>);

impl Table {
    pub(super) fn new(entries: &[kvm_cpuid_entry2]) -> Self {
        Self(entries.to_vec())
    }

    /// Whether `leaf` is there at all.
    pub(super) fn has(&self, leaf: u32) -> bool {
        self.0.iter().any(|entry| entry.function == leaf)
    }

    /// What `leaf`, `subleaf` answers.
    pub(super) fn get(&self, leaf: u32, subleaf: u32) -> Regs {
        self.0
            .iter()
            .find(|entry| entry.function == leaf && entry.index == subleaf)
            .map_or(Regs::default(), |entry| Regs { eax: entry.eax, ebx: entry.ebx, ecx: entry.ecx, edx: entry.edx })
    }

    /// The registers of `leaf` without subleaves, or of its subleaf 0, for changing; added as zeros when missing.
    pub(super) fn leaf(&mut self, leaf: u32) -> &mut kvm_cpuid_entry2 {
        let at = match self.0.iter().position(|entry| entry.function == leaf && entry.index == 0) {
            Some(at) => at,
            None => {
                self.0.push(kvm_cpuid_entry2 { function: leaf, ..Default::default() });
                self.0.len() - 1
            }
        };
        &mut self.0[at]
    }

    /// Gives `leaf`, which has no subleaves, these registers.
    pub(super) fn set(&mut self, leaf: u32, regs: Regs) {
        let entry = self.leaf(leaf);
        (entry.eax, entry.ebx, entry.ecx, entry.edx) = (regs.eax, regs.ebx, regs.ecx, regs.edx);
    }

    /// All subleaves of `leaf`, for changing.
    pub(super) fn subleaves(&mut self, leaf: u32) -> impl Iterator<Item = &mut kvm_cpuid_entry2> {
        self.0.iter_mut().filter(move |entry| entry.function == leaf)
    }

    /// Replaces `leaf` by `subleaves`, numbered from 0.
    pub(super) fn replace(&mut self, leaf: u32, subleaves: &[Regs]) {
        self.remove(leaf);
        self.0.extend((0u32..).zip(subleaves).map(|(index, regs)| kvm_cpuid_entry2 {
            function: leaf,
            index,
            flags: KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            eax: regs.eax,
            ebx: regs.ebx,
            ecx: regs.ecx,
            edx: regs.edx,
            ..Default::default()
        }));
    }

    /// Makes `leaf` read as zero.
    pub(super) fn remove(&mut self, leaf: u32) {
        self.retain(|entry| entry.function != leaf);
    }

    /// Keeps only the entries that `wanted` says.
    pub(super) fn retain(&mut self, wanted: impl FnMut(&kvm_cpuid_entry2) -> bool) {
        self.0.retain(wanted);
    }

    /// All entries.
    pub(super) fn entries(&self) -> &[kvm_cpuid_entry2] {
        &self.0
    }
}
