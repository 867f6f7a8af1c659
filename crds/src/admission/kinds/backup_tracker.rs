//! `VirtualMachineBackupTracker`. What must be in its spec, the definition's own rules say.

use super::{Operation, Request, Verdict, backup};
use crate::config::ClusterConfig;

/// Chains of backups are behind a gate.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>, config: &ClusterConfig) -> Verdict {
    request.accepts("backup.kubevirt.io", "virtualmachinebackuptrackers")?;
    if request.operation == Operation::Create {
        backup::gate(config)?;
    }
    Ok(Vec::new())
}
