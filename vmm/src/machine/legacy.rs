//! What both boards have on their port buses: serial, RTC, i8042, debug-exit and marker ports.

use super::MachineError;
use super::board::Parts;
use super::firmware::BootWatch;
use crate::config::VmConfig;
use crate::event_loop::Console;
use crate::memory::layout;
use crate::resources::SERIAL;
use crate::snapshot::SavedMachine;
use devices::interrupt::IrqLine;
use devices::legacy::{BootSource, DebugExit, FirmwareSetup, HostClock, I8042, MarkerPort, Rtc, Serial, SerialHost};
use devices::power::PowerControl;
use devices::state::Section;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

const RTC: &str = "rtc";
const I8042: &str = "i8042";

/// The devices at fixed ports, and the console behind the serial port.
pub(super) struct LegacyDevices {
    serial: Arc<Serial>,
    rtc: Arc<Mutex<Rtc>>,
    i8042: Arc<Mutex<I8042>>,
    console: Arc<Console>,
}

impl LegacyDevices {
    /// Makes them, as `saved` has them or new, and puts them on the port bus.
    pub(super) fn new(parts: &Parts<'_>, saved: &mut SavedMachine) -> Result<Self, MachineError> {
        let Parts { blueprint, buses, interrupts, signals, .. } = *parts;
        let power: Arc<dyn PowerControl> = Arc::clone(signals) as _;
        let console = Arc::clone(&blueprint.console);

        let host: Arc<dyn SerialHost> = match parts.firmware {
            Some(_) => Arc::new(BootWatch::new(Arc::clone(&console), Arc::clone(signals))),
            None => Arc::clone(&console) as _,
        };
        let serial = Serial::new(
            SERIAL.into(),
            interrupts.edge_line(IrqLine(layout::SERIAL_IRQ))?,
            host,
            saved.take(&SERIAL.into())?,
        )?;
        let serial = Arc::new(serial);
        buses.pio.insert(layout::SERIAL_PORTS, Arc::clone(&serial) as _)?;

        let mut rtc = Rtc::new(RTC.into(), Arc::new(HostClock), saved.take(&RTC.into())?)?;
        if parts.firmware.is_some() && !saved.is_restore() {
            rtc = rtc.with_setup(&firmware_setup(&blueprint.config));
        }
        let rtc = Arc::new(Mutex::new(rtc));
        buses.pio.insert(layout::RTC_PORTS, Arc::clone(&rtc) as _)?;

        let i8042 = I8042::new(I8042.into(), Arc::clone(&power), saved.take(&I8042.into())?)?;
        let i8042 = Arc::new(Mutex::new(i8042));
        buses.pio.insert(layout::I8042_PORTS, Arc::clone(&i8042) as _)?;

        let debug_exit = layout::DEBUG_EXIT_PORT..layout::DEBUG_EXIT_PORT + 1;
        buses.pio.insert(debug_exit, Arc::new(DebugExit::new(power)))?;
        let marker = u64::from(blueprint.config.marker_port);
        let timeline = Arc::clone(&blueprint.timeline);
        buses.pio.insert(marker..marker + 1, Arc::new(MarkerPort::new(Arc::new(move |value| timeline.mark(value)))))?;
        Ok(Self { serial, rtc, i8042, console })
    }

    /// The console says nothing to the guest from now on.
    pub(super) fn park(&self) {
        self.console.disconnect();
    }

    /// The console goes on, and what was pending is raised again.
    pub(super) fn unpark(&self) {
        self.serial.resume();
        self.console.connect(&self.serial);
    }

    /// The state of each, in a fixed order.
    pub(super) fn save(&self) -> Result<Vec<Section>, MachineError> {
        Ok(vec![
            self.serial.save()?,
            self.rtc.lock().unwrap_or_else(PoisonError::into_inner).save()?,
            self.i8042.lock().unwrap_or_else(PoisonError::into_inner).save()?,
        ])
    }
}

/// What firmware finds in the clock's RAM.
fn firmware_setup(config: &VmConfig) -> FirmwareSetup {
    let ram = layout::ram_ranges(config.memory.boot);
    let bytes = |range: &Range<u64>| range.end - range.start;
    FirmwareSetup {
        low_ram: ram.first().map_or(0, bytes),
        high_ram: ram.get(1).map_or(0, bytes),
        cpus: config.cpus.boot,
        boot: [BootSource::Disk, BootSource::Cdrom, BootSource::Network],
    }
}

impl Drop for LegacyDevices {
    fn drop(&mut self) {
        self.park();
    }
}
