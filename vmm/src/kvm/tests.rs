//! The KVM layer against the host's own KVM.
