//! What a device may ask of the machine as a whole: reset, power off, exit.

/// Which device asks for a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResetRequest {
    /// The keyboard controller pulsed the reset line.
    I8042,
    /// The reset register of the generic event device, which the FADT names (ACPI 6.5, 4.8.3.6).
    Acpi,
    /// The reset control register at port 0xCF9, which the FADT of a board with an ICH9 names.
    ResetControl,
}

/// The machine's switches, as devices see them; the machine implements it.
///
/// Devices call it in the thread of the vCPU whose access it was. Every call returns at once; the machine takes care
/// that no vCPU executes another guest instruction after the exit under way. Calls after the first change nothing.
pub trait PowerControl: Send + Sync {
    /// Starts the machine again from its beginning, or stops it, as its configuration says.
    fn reset(&self, source: ResetRequest);
    /// Switches the machine off.
    fn power_off(&self);
    /// Ends the machine with a status of the guest's choice.
    fn exit(&self, status: u8);
}

#[cfg(test)]
pub(crate) mod tests {
    //! A machine that writes down what devices ask of it.

    use super::*;
    use std::sync::Mutex;

    /// One request.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Asked {
        Reset(ResetRequest),
        PowerOff,
        Exit(u8),
    }

    /// Keeps the requests in order.
    #[derive(Default)]
    pub(crate) struct FakePower(Mutex<Vec<Asked>>);

    impl FakePower {
        pub(crate) fn asked(&self) -> Vec<Asked> {
            self.0.lock().map(|asked| asked.clone()).unwrap_or_default()
        }

        fn note(&self, request: Asked) {
            if let Ok(mut asked) = self.0.lock() {
                asked.push(request);
            }
        }
    }

    impl PowerControl for FakePower {
        fn reset(&self, source: ResetRequest) {
            self.note(Asked::Reset(source));
        }

        fn power_off(&self) {
            self.note(Asked::PowerOff);
        }

        fn exit(&self, status: u8) {
            self.note(Asked::Exit(status));
        }
    }
}
