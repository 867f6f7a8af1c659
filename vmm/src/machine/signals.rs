//! What devices and vCPUs tell the driver: each report first holds all vCPUs, then is queued with its boot's number.

use crate::config::OnTripleFault;
use crate::event::{ResetSource, VmEvent};
use crate::lifecycle::{GuestEvent, Shared};
use crate::statistics::{ExitKind, Statistics};
use crate::timeline::{Milestone, Timeline};
use crate::vcpu::{VcpuControl, VcpuEvents};
use devices::backend::block::DiskAlarm;
use devices::id::DeviceId;
use devices::power::{PowerControl, ResetRequest};
use std::io;
use std::sync::Arc;

/// The ear of one boot of a machine.
pub(crate) struct Signals {
    shared: Arc<Shared>,
    timeline: Arc<Timeline>,
    boot: u64,
    on_triple_fault: OnTripleFault,
    vcpus: VcpuControl,
    statistics: Arc<Statistics>,
}

impl Signals {
    /// For boot `boot`, whose vCPUs `vcpus` will hold.
    pub(crate) fn new(
        shared: Arc<Shared>,
        timeline: Arc<Timeline>,
        boot: u64,
        on_triple_fault: OnTripleFault,
        vcpus: VcpuControl,
        statistics: Arc<Statistics>,
    ) -> Self {
        Self { shared, timeline, boot, on_triple_fault, vcpus, statistics }
    }

    /// The firmware says that it has nothing to start.
    pub(crate) fn nothing_to_boot(&self, message: &str) {
        self.shared.publish(&VmEvent::NothingToBoot { message: message.to_owned() });
    }

    fn report(&self, event: GuestEvent) {
        self.vcpus.halt();
        self.shared.report(self.boot, event);
    }
}

impl PowerControl for Signals {
    fn reset(&self, request: ResetRequest) {
        self.report(GuestEvent::Reset(match request {
            ResetRequest::I8042 => ResetSource::I8042,
            ResetRequest::Acpi => ResetSource::Acpi,
            ResetRequest::ResetControl => ResetSource::ResetControl,
        }));
    }

    fn power_off(&self) {
        self.report(GuestEvent::PowerOff);
    }

    fn exit(&self, status: u8) {
        self.report(GuestEvent::DebugExit(status));
    }
}

impl DiskAlarm for Signals {
    fn stopped(&self, disk: &DeviceId, error: &io::Error) {
        self.shared.publish(&VmEvent::DiskStopped { disk: disk.clone(), error: error.to_string() });
        self.shared.pause(self.boot);
    }
}

impl VcpuEvents for Signals {
    fn exit(&self, vcpu: u32, kind: ExitKind) {
        self.statistics.exit(vcpu, kind);
    }

    fn first_run(&self) {
        self.timeline.reach(Milestone::FirstKvmRun);
    }

    fn triple_fault(&self, vcpu: u32) {
        self.report(match self.on_triple_fault {
            OnTripleFault::Reset => GuestEvent::Reset(ResetSource::TripleFault),
            OnTripleFault::Exit => GuestEvent::Crashed(format!(
                "vCPU {vcpu} met a triple fault (an exception that could not be delivered); to reset the machine \
                 instead, set on_triple_fault to reset"
            )),
        });
    }

    fn crashed(&self, _vcpu: u32, message: String) {
        self.report(GuestEvent::Crashed(message));
    }
}
