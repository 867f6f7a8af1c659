//! `VirtualMachineInstancePreset`.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Request, Verdict, verdict};
use crate::admission::read::read;
use crate::admission::vmi::{list, validate_disks, validate_firmware};
use crate::admission::{Causes, Path, Stage, webhook_schema};
use crate::api::preset::VirtualMachineInstancePreset;

static SCHEMA: LazyLock<Value> = LazyLock::new(webhook_schema::of_type::<VirtualMachineInstancePreset>);

/// There is a domain, whose disks and firmware are good.
///
/// # Errors
///
/// The refusal.
pub fn admit(request: &Request<'_>) -> Verdict {
    request.expects("virtualmachineinstancepresets", "virtualmachineinstancepresets")?;
    let preset: VirtualMachineInstancePreset = read(request.object, &SCHEMA, Stage::Admit)?;
    let (path, mut causes) = (Path::new("spec.domain"), Causes::default());
    match preset.spec.and_then(|spec| spec.domain) {
        None => causes.required(&path, "missing domain."),
        Some(domain) => {
            validate_disks(&path.at("devices.disks"), list(&domain.devices.disks), &mut causes);
            if let Some(firmware) = &domain.firmware {
                validate_firmware(&path.at("firmware"), firmware, &mut causes);
            }
        }
    }
    verdict(causes)
}
