//! Every event, reset and end that a machine can tell of.

use vmm::{ResetSource, StopReason, VmEvent, VmState};

/// What a program tells its user of an event.
pub fn told(event: &VmEvent) -> String {
    match event {
        VmEvent::CpusLeftOut { wanted, possible } => format!("only {possible} of {wanted} CPUs"),
        VmEvent::Started => "started".into(),
        VmEvent::NothingToBoot { message } => message.clone(),
        VmEvent::NetworkGone { net } => format!("{net} has gone"),
        VmEvent::DiskStopped { disk, error } => format!("{disk}: {error}"),
        VmEvent::Paused => state(VmState::Paused).into(),
        VmEvent::Resumed => state(VmState::Running).into(),
        VmEvent::Reset { source } => format!("reset by {source}"),
        VmEvent::Stopped(reason) => ended(reason),
        _ => "something that came later".into(),
    }
}

fn state(state: VmState) -> &'static str {
    match state {
        VmState::Built => "built",
        VmState::Running => "running",
        VmState::Paused => "paused",
        VmState::Stopped => "stopped",
    }
}

fn ended(reason: &StopReason) -> String {
    match reason {
        StopReason::PoweredOff => "switched off".into(),
        StopReason::Rebooted { source } => format!("rebooted by {source}"),
        StopReason::DebugExit { status } => format!("exit {status}"),
        StopReason::Requested => state(VmState::Stopped).into(),
        StopReason::Crashed { message } => message.clone(),
        _ => "something that came later".into(),
    }
}

pub fn are_as_they_were() {
    let sources = [
        (ResetSource::I8042, "the keyboard controller"),
        (ResetSource::Acpi, "the ACPI reset register"),
        (ResetSource::ResetControl, "the reset control register"),
        (ResetSource::TripleFault, "a triple fault"),
        (ResetSource::Request, "a request"),
    ];
    for (source, name) in sources {
        assert_eq!(told(&VmEvent::Reset { source }), format!("reset by {name}"));
    }
    let stored = serde_json::json!({"reason": "debug-exit", "status": 3});
    assert_eq!(serde_json::to_value(StopReason::DebugExit { status: 3 }).ok(), Some(stored));
}
