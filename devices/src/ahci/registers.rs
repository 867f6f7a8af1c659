//! Offsets and bits of the registers (AHCI 1.3.1, 3).

/// Ports of the controller.
pub const PORTS: usize = PORT_COUNT as usize;
const PORT_COUNT: u32 = 6;
/// Bytes of the registers.
pub(super) const LENGTH: u64 = 0x1000;

/// Host capabilities, control, interrupt status, ports, version.
pub(super) const CAP: u64 = 0x00;
pub(super) const GHC: u64 = 0x04;
pub(super) const IS: u64 = 0x08;
pub(super) const PI: u64 = 0x0c;
pub(super) const VS: u64 = 0x10;

/// The ports, and the size of each.
pub(super) const FIRST_PORT: u64 = 0x100;
pub(super) const PORT_LENGTH: u64 = 0x80;

/// Command list and received FISes, in two halves each.
pub(super) const PX_CLB: u64 = 0x00;
pub(super) const PX_CLBU: u64 = 0x04;
pub(super) const PX_FB: u64 = 0x08;
pub(super) const PX_FBU: u64 = 0x0c;
/// Interrupts: which have come, and which count.
pub(super) const PX_IS: u64 = 0x10;
pub(super) const PX_IE: u64 = 0x14;
/// Command and status, task file, signature.
pub(super) const PX_CMD: u64 = 0x18;
pub(super) const PX_TFD: u64 = 0x20;
pub(super) const PX_SIG: u64 = 0x24;
/// The link: status, control, errors.
pub(super) const PX_SSTS: u64 = 0x28;
pub(super) const PX_SCTL: u64 = 0x2c;
pub(super) const PX_SERR: u64 = 0x30;
/// Commands: queued ones that are active, and those that were issued.
pub(super) const PX_SACT: u64 = 0x34;
pub(super) const PX_CI: u64 = 0x38;

/// CAP: 64-bit addresses, native command queuing, AHCI only, 6 Gbit/s, 32 commands, the ports.
pub(super) const CAPABILITIES: u32 = 1 << 31 | 1 << 30 | 1 << 18 | 3 << 20 | 31 << 8 | (PORT_COUNT - 1);
pub(super) const VERSION: u32 = 0x0001_0301;

/// GHC: reset, interrupts, AHCI.
pub(super) const HR: u32 = 1 << 0;
pub(super) const IE: u32 = 1 << 1;
pub(super) const AE: u32 = 1 << 31;

/// PxCMD: start, command list override, receive FISes, and what is so; what the device is, as software sets it.
pub(super) const ST: u32 = 1 << 0;
pub(super) const SUD: u32 = 1 << 1;
pub(super) const POD: u32 = 1 << 2;
pub(super) const CLO: u32 = 1 << 3;
pub(super) const FRE: u32 = 1 << 4;
pub(super) const FR: u32 = 1 << 14;
pub(super) const CR: u32 = 1 << 15;
pub(super) const ATAPI: u32 = 1 << 24;
pub(super) const DLAE: u32 = 1 << 25;
/// PxCMD: the slot of the command that is carried out.
pub(super) const CCS_SHIFT: u32 = 8;
pub(super) const CCS_MASK: u32 = 0x1f << CCS_SHIFT;

/// PxIS: a register FIS, a PIO setup FIS, a set device bits FIS; the link came up; overflow; host bus and task file
/// errors.
pub(super) const DHRS: u32 = 1 << 0;
pub(super) const PSS: u32 = 1 << 1;
pub(super) const SDBS: u32 = 1 << 3;
pub(super) const PCS: u32 = 1 << 6;
pub(super) const PRCS: u32 = 1 << 22;
pub(super) const OFS: u32 = 1 << 24;
pub(super) const HBFS: u32 = 1 << 29;
pub(super) const TFES: u32 = 1 << 30;
/// What can be enabled; what is cleared by writing ones.
pub(super) const INTERRUPTS: u32 = 0xfdc0_007f;
pub(super) const CLEARED_BY_ONES: u32 = !(PCS | PRCS);

/// PxSERR: the signal changed, the device was exchanged.
pub(super) const SERR_N: u32 = 1 << 16;
pub(super) const SERR_X: u32 = 1 << 26;

/// PxSSTS of a device that is there; PxSCTL's detection field.
pub(super) const LINK_UP: u32 = 0x133;
pub(super) const DET: u32 = 0xf;
pub(super) const SCTL_MASK: u32 = 0xfff;

/// Task file: status in the low byte, error above it.
pub(super) const ERR: u8 = 1 << 0;
pub(super) const DRQ: u8 = 1 << 3;
pub(super) const SEEK: u8 = 1 << 4;
pub(super) const DRDY: u8 = 1 << 6;
pub(super) const BSY: u8 = 1 << 7;
/// What a port without a device has.
pub(super) const NO_DEVICE: u32 = 0x7f;
