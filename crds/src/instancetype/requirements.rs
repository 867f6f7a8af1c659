//! What a preference asks of a machine.

use super::topology::{Across, Liked, liked, spread};
use crate::admission::Path;
use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crate::api::kubernetes::Quantity;
use crate::api::vmi::{Cpu, VirtualMachineInstanceSpec};

/// Something that a preference asks and a machine does not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmet {
    /// The fields that would have to say more.
    pub fields: Vec<Path>,
    /// For the user.
    pub message: String,
}

/// Whether a machine has what its preference asks: processors, memory, architecture.
///
/// # Errors
///
/// The first requirement that is not met.
pub fn check_requirements(
    instancetype: Option<&VirtualMachineInstancetypeSpec>,
    preference: &VirtualMachinePreferenceSpec,
    spec: &VirtualMachineInstanceSpec,
) -> Result<(), Unmet> {
    let Some(required) = &preference.requirements else { return Ok(()) };
    if let Some(cpu) = &required.cpu {
        match instancetype {
            Some(instancetype) => instancetype_cpu(instancetype, cpu.guest)?,
            None => machine_cpu(preference, spec, cpu.guest)?,
        }
    }
    if let Some(memory) = &required.memory {
        enough_memory(instancetype, spec, &memory.guest)?;
    }
    let architecture = spec.architecture.as_deref().unwrap_or_default();
    match &required.architecture {
        Some(required) if required != architecture => Err(Unmet {
            fields: vec![Path::new("spec.template.spec.architecture")],
            message: format!("preference requires architecture {required} but {architecture} is being requested"),
        }),
        _ => Ok(()),
    }
}

fn instancetype_cpu(instancetype: &VirtualMachineInstancetypeSpec, required: u32) -> Result<(), Unmet> {
    let given = instancetype.cpu.guest;
    if given >= required {
        return Ok(());
    }
    Err(Unmet {
        fields: vec![Path::new("spec.instancetype")],
        message: format!(
            "insufficient CPU resources of {given} vCPU provided by instance type, preference requires {required} vCPU"
        ),
    })
}

fn machine_cpu(
    preference: &VirtualMachinePreferenceSpec,
    spec: &VirtualMachineInstanceSpec,
    required: u32,
) -> Result<(), Unmet> {
    let path = Path::new("spec.template.spec.domain.cpu");
    let Some(cpu) = &spec.domain.cpu else {
        let message = format!("no CPU resources provided by VirtualMachine, preference requires {required} vCPU");
        return Err(Unmet { fields: vec![path], message });
    };
    let (fields, provided_as): (&[&str], &str) = match liked(Some(preference)) {
        Liked::Threads => (&["threads"], "threads"),
        Liked::Cores => (&["cores"], "cores"),
        Liked::Sockets => (&["sockets"], "sockets"),
        Liked::Any => (&["cores", "sockets", "threads"], "cores, sockets and threads"),
        Liked::Spread => {
            let across = spread(Some(preference)).0;
            let fields: &[&str] = match across {
                Across::SocketsCores => &["sockets", "cores"],
                Across::CoresThreads => &["cores", "threads"],
                Across::SocketsCoresThreads => &["sockets", "cores", "threads"],
                Across::Unknown => return Ok(()),
            };
            (fields, across.name())
        }
        Liked::Unknown => return Ok(()),
    };
    let given = fields.iter().map(|field| count(cpu, field)).fold(1, u32::wrapping_mul);
    if given >= required {
        return Ok(());
    }
    let message = format!(
        "insufficient CPU resources of {given} vCPU provided by VirtualMachine, preference requires {required} vCPU provided as {provided_as}"
    );
    Err(Unmet { fields: fields.iter().map(|field| path.at(field)).collect(), message })
}

fn count(cpu: &Cpu, field: &str) -> u32 {
    let count = match field {
        "sockets" => cpu.sockets,
        "cores" => cpu.cores,
        _ => cpu.threads,
    };
    count.unwrap_or(0)
}

fn enough_memory(
    instancetype: Option<&VirtualMachineInstancetypeSpec>,
    spec: &VirtualMachineInstanceSpec,
    required: &Quantity,
) -> Result<(), Unmet> {
    let own = spec.domain.memory.as_ref().and_then(|memory| memory.guest.as_ref());
    let given = own.or(instancetype.map(|instancetype| &instancetype.memory.guest)).cloned().unwrap_or_default();
    if given.compare(required).is_ge() {
        return Ok(());
    }
    let (field, provider) = match instancetype {
        Some(_) => ("spec.instancetype", "instance type"),
        None => ("spec.template.spec.domain.memory", "VirtualMachine"),
    };
    let (given, required) = (given.canonical().text(), required.canonical().text());
    Err(Unmet {
        fields: vec![Path::new(field)],
        message: format!(
            "insufficient Memory resources of {given} provided by {provider}, preference requires {required}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn unmet(instancetype: Option<Value>, preference: Value, spec: Value) -> Option<String> {
        let instancetype = instancetype.map(|given| serde_json::from_value(given).unwrap());
        let preference = serde_json::from_value(preference).unwrap();
        let spec = serde_json::from_value(spec).unwrap();
        check_requirements(instancetype.as_ref(), &preference, &spec).err().map(|unmet| unmet.message)
    }

    #[test]
    fn a_machine_or_its_instance_type_has_what_the_preference_asks() {
        let asks = json!({ "requirements": { "cpu": { "guest": 2 }, "memory": { "guest": "1Gi" } } });
        let small = json!({ "cpu": { "guest": 1 }, "memory": { "guest": "512Mi" } });
        let wide = json!({ "cpu": { "guest": 2 }, "memory": { "guest": "512Mi" } });
        let large = json!({ "cpu": { "guest": 2 }, "memory": { "guest": "1Gi" } });
        assert_eq!(unmet(Some(large), asks.clone(), json!({})), None);
        let message = "insufficient CPU resources of 1 vCPU provided by instance type, preference requires 2 vCPU";
        assert_eq!(unmet(Some(small), asks.clone(), json!({})).as_deref(), Some(message));
        let message = "insufficient Memory resources of 512Mi provided by instance type, preference requires 1Gi";
        assert_eq!(unmet(Some(wide), asks.clone(), json!({})).as_deref(), Some(message));
        let message = "no CPU resources provided by VirtualMachine, preference requires 2 vCPU";
        assert_eq!(unmet(None, asks.clone(), json!({})).as_deref(), Some(message));
        let own = json!({ "domain": { "cpu": { "sockets": 2 }, "memory": { "guest": "1Gi" } } });
        assert_eq!(unmet(None, asks, own), None);
    }

    #[test]
    fn the_architecture_is_the_one_that_is_asked() {
        let asks = json!({ "requirements": { "architecture": "arm64" } });
        let message = "preference requires architecture arm64 but amd64 is being requested";
        assert_eq!(unmet(None, asks, json!({ "architecture": "amd64" })).as_deref(), Some(message));
    }
}
