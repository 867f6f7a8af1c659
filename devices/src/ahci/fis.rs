//! Frame information structures (Serial ATA 3.0, 10.5): those that drivers write and those that ports receive.

/// Types.
const REGISTER_TO_DEVICE: u8 = 0x27;
const REGISTER_TO_HOST: u8 = 0x34;
const PIO_SETUP: u8 = 0x5f;
const SET_DEVICE_BITS: u8 = 0xa1;
/// Flags: it is a command; it interrupts; data goes to the host.
const COMMAND: u8 = 0x80;
const INTERRUPT: u8 = 0x40;
const TO_HOST: u8 = 0x20;
/// In the control register: reset.
const SOFT_RESET: u8 = 1 << 2;

/// Bytes of a register FIS and of a PIO setup FIS.
pub(super) const LENGTH: usize = 20;
/// Where each sort is put among the received ones (AHCI 1.3.1, 4.2.1).
pub(super) const AT_PIO_SETUP: u64 = 0x20;
pub(super) const AT_REGISTER: u64 = 0x40;
pub(super) const AT_SET_DEVICE_BITS: u64 = 0x58;

/// What a driver sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// A command.
    Command(TaskFile),
    /// The control register; with its reset bit or without.
    Control { reset: bool },
    /// Nothing that a device understands.
    Unknown,
}

/// The registers of a command, or of its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskFile {
    /// Command.
    pub(super) command: u8,
    pub(super) features: u16,
    /// 48 bits.
    pub(super) lba: u64,
    pub(super) device: u8,
    pub(super) count: u16,
}

impl Sent {
    /// Reads what is in a command table.
    pub(super) fn parse(bytes: &[u8; LENGTH]) -> Self {
        let [kind, flags, command, feature, l0, l1, l2, device, l3, l4, l5, feature_high, c0, c1, _, control, ..] =
            *bytes;
        if kind != REGISTER_TO_DEVICE {
            return Self::Unknown;
        }
        if flags & COMMAND == 0 {
            return Self::Control { reset: control & SOFT_RESET != 0 };
        }
        Self::Command(TaskFile {
            command,
            features: u16::from_le_bytes([feature, feature_high]),
            lba: u64::from_le_bytes([l0, l1, l2, l3, l4, l5, 0, 0]),
            device,
            count: u16::from_le_bytes([c0, c1]),
        })
    }
}

/// A register FIS to the host.
pub(super) fn register(status: u8, error: u8, end: &TaskFile, interrupts: bool) -> [u8; LENGTH] {
    let mut bytes = task_file(REGISTER_TO_HOST, status, error, end);
    set(&mut bytes, 1, if interrupts { INTERRUPT } else { 0 });
    bytes
}

/// A PIO setup FIS for `bytes` of data, after which the status is `end_status`.
pub(super) fn pio_setup(status: u8, end_status: u8, end: &TaskFile, length: u16, to_host: bool) -> [u8; LENGTH] {
    let mut bytes = task_file(PIO_SETUP, status, 0, end);
    set(&mut bytes, 1, INTERRUPT | if to_host { TO_HOST } else { 0 });
    set(&mut bytes, 15, end_status);
    let [low, high] = length.to_le_bytes();
    set(&mut bytes, 16, low);
    set(&mut bytes, 17, high);
    bytes
}

/// A set device bits FIS: the queued commands of `finished` are done.
pub(super) fn set_device_bits(status: u8, error: u8, finished: u32) -> [u8; 8] {
    let [a, b, c, d] = finished.to_le_bytes();
    // Only these bits of the status are there.
    [SET_DEVICE_BITS, INTERRUPT, status & 0x77, error, a, b, c, d]
}

fn task_file(kind: u8, status: u8, error: u8, end: &TaskFile) -> [u8; LENGTH] {
    let [l0, l1, l2, l3, l4, l5, _, _] = end.lba.to_le_bytes();
    let [c0, c1] = end.count.to_le_bytes();
    [kind, 0, status, error, l0, l1, l2, end.device, l3, l4, l5, 0, c0, c1, 0, 0, 0, 0, 0, 0]
}

fn set(bytes: &mut [u8; LENGTH], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_from_its_places() {
        let bytes = [0x27, 0x80, 0x60, 0x08, 1, 2, 3, 0x40, 4, 5, 6, 0x01, 0x18, 0x02, 0, 0, 0, 0, 0, 0];
        let command = TaskFile { command: 0x60, features: 0x108, lba: 0x0605_0403_0201, device: 0x40, count: 0x218 };
        assert_eq!(Sent::parse(&bytes), Sent::Command(command));
        assert_eq!(Sent::parse(&[0x34; LENGTH]), Sent::Unknown);
        let mut control = [0; LENGTH];
        (control[0], control[15]) = (0x27, 4);
        assert_eq!(Sent::parse(&control), Sent::Control { reset: true });
        control[15] = 0;
        assert_eq!(Sent::parse(&control), Sent::Control { reset: false });
    }

    #[test]
    fn what_a_port_receives_has_status_and_error_in_their_places() {
        let end = TaskFile { lba: 0xeb_1401, count: 3, ..TaskFile::default() };
        assert_eq!(register(0x51, 4, &end, true)[..13], [0x34, 0x40, 0x51, 4, 1, 0x14, 0xeb, 0, 0, 0, 0, 0, 3]);
        let setup = pio_setup(0x58, 0x50, &TaskFile::default(), 512, true);
        assert_eq!((setup[0], setup[1], setup[2], setup[15], setup[16], setup[17]), (0x5f, 0x60, 0x58, 0x50, 0, 2));
        assert_eq!(set_device_bits(0x51, 4, 0x8001), [0xa1, 0x40, 0x51, 4, 1, 0x80, 0, 0]);
    }
}
