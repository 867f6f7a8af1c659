//! Tests of the protocol between vCPU threads and who stops them, with vCPUs that need no KVM.
