//! Any JSON as a new instance, with its instance type, preference and configuration.

#![no_main]

use std::sync::LazyLock;

use crds::admission::{Path, create_vmi};
use crds::api::vmi::VirtualMachineInstance;
use crds::defaults::NewInstance;
use crds::instancetype::{apply, check_requirements};
use crds_fuzz::{configuration, mutate_text, schema_of_instance_case};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use serde_json::Value;

static SCHEMA: LazyLock<Value> = LazyLock::new(schema_of_instance_case);

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate_text(data, size, max_size, |_| &SCHEMA, seed).unwrap_or_else(|| fuzzer_mutate(data, size, max_size))
});

fuzz_target!(|data: &[u8]| {
    let Ok(case) = serde_json::from_slice::<Value>(data) else { return };
    let config = configuration(&case["config"]);
    let mut object = case["object"].clone();
    if let Ok(mut instance) = serde_json::from_value::<VirtualMachineInstance>(object.clone()) {
        let instancetype = serde_json::from_value(case["instancetype"].clone()).ok();
        let preference = serde_json::from_value(case["preference"].clone()).ok();
        let path = Path::new("spec.template.spec");
        let (spec, metadata) = (&mut instance.spec, &mut instance.metadata);
        if let Some(preference) = &preference {
            drop(check_requirements(instancetype.as_ref(), preference, spec));
        }
        if apply(&path, instancetype.as_ref(), preference.as_ref(), spec, metadata).is_ok() {
            object = serde_json::to_value(instance).unwrap();
        }
    }
    let answer = create_vmi(&object, &config, NewInstance { uuid: "u", ..NewInstance::default() });
    match answer.refusal {
        Some(refusal) => assert!(!refusal.message.is_empty()),
        // What was stored is good, and is completed already.
        None => {
            let stored = answer.stored.unwrap();
            let again = create_vmi(&stored, &config, NewInstance { uuid: "v", ..NewInstance::default() });
            assert_eq!(again.refusal, None);
            assert_eq!(again.stored.unwrap()["spec"], stored["spec"]);
        }
    }
});
