//! Preferences.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Operation, Request, Verdict, verdict};
use crate::admission::read::read;
use crate::admission::{Causes, Path, Stage, webhook_schema};
use crate::api::instancetype::VirtualMachinePreference;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::outline);

/// Arrangements of processors, and their older names.
const TOPOLOGIES: [(&str, &str); 5] = [
    ("sockets", "preferSockets"),
    ("cores", "preferCores"),
    ("threads", "preferThreads"),
    ("spread", "preferSpread"),
    ("any", "preferAny"),
];

/// The arrangement of processors is a known and possible one.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>) -> Verdict {
    if !matches!(request.operation, Operation::Create | Operation::Update) {
        return Ok(Vec::new());
    }
    let preference: VirtualMachinePreference = read(request.object, &SCHEMA, Stage::Admit)?;
    let Some(cpu) = &preference.spec.cpu else { return Ok(Vec::new()) };
    let Some(topology) = cpu.preferred_cpu_topology.as_deref() else { return Ok(Vec::new()) };
    let (path, mut causes) = (Path::new("spec.cpu"), Causes::default());
    if !TOPOLOGIES.iter().any(|(name, old)| topology == *name || topology == *old) {
        causes.invalid(path.at("preferredCPUTopology"), format!("unknown preferredCPUTopology {topology}"));
    }
    let options = cpu.spread_options.as_ref().filter(|_| matches!(topology, "spread" | "preferSpread"));
    if let Some(options) = options {
        let old_ratio = preference.spec.prefer_spread_socket_to_core_ratio.filter(|ratio| *ratio != 0);
        let ratio = options.ratio.or(old_ratio).unwrap_or(2);
        match options.across.as_deref().unwrap_or("SocketsCores") {
            "SocketsCores" | "SocketsCoresThreads" => {}
            "CoresThreads" if ratio == 2 => {}
            "CoresThreads" => {
                let message =
                    "only a ratio of 2 (1 core 2 threads) is allowed when spreading vCPUs over cores and threads";
                causes.invalid(path.at("spreadOptions.ratio"), message);
            }
            other => causes.invalid(path.at("spreadOptions.across"), format!("across {other} is not supported")),
        }
    }
    verdict(causes)?;
    let renamed = TOPOLOGIES.iter().find(|(_, old)| topology == *old).map(|(name, old)| {
        format!("PreferredCPUTopology {old} is deprecated for removal in a future release, please use {name} instead")
    });
    Ok(renamed.into_iter().collect())
}
