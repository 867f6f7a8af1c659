//! Instance types.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Operation, Request, Verdict, verdict};
use crate::admission::read::read;
use crate::admission::{Causes, Path, Stage, webhook_schema};
use crate::api::instancetype::VirtualMachineInstancetype;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::outline);

/// Memory is overcommitted by a percentage, and not when it is in huge pages.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>) -> Verdict {
    if !matches!(request.operation, Operation::Create | Operation::Update) {
        return Ok(Vec::new());
    }
    let instancetype: VirtualMachineInstancetype = read(request.object, &SCHEMA, Stage::Admit)?;
    let (path, mut causes) = (Path::new("spec.memory"), Causes::default());
    let field = path.at("overcommitPercent");
    let memory = &instancetype.spec.memory;
    let percent = memory.overcommit_percent.unwrap_or(0);
    if !(0..=100).contains(&percent) {
        causes.invalid(&field, format!("{field} '{percent}': must be in range between 0 and 100."));
    }
    if percent != 0 && memory.hugepages.is_some() {
        let message = format!("{field} and {} should not be requested together.", path.at("hugepages"));
        causes.invalid(&field, message);
    }
    verdict(causes)?;
    let warning = "launchSecurity is deprecated and will be removed in a future release. Use preference instead.";
    Ok(instancetype.spec.launch_security.map(|_| warning.to_owned()).into_iter().collect())
}
