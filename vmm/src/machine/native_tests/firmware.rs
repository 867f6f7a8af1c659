//! A machine that firmware started is saved and restored: what it was told, and what stands below 1 MiB.

use super::rig::{self, Rig};
use super::save_restore::reincarnate;
use crate::config::{CpusConfig, FirmwareInterface, PayloadConfig, VmConfig};
use crate::snapshot::SavedMachine;
use crate::testing;

/// Of the first page: the code; and where a processor begins.
const CODE: usize = 0;
const RESET_VECTOR: usize = 0xff0;

/// Firmware that selects a file which is built then (the RSDP), reads two of its bytes, changes PAM0 to PAM3, says so on
/// the serial port, and, when something comes there, writes the file's next byte to it.
fn firmware() -> Vec<u8> {
    let code = [
        // mov dx, 0x510; mov ax, 0x20; out dx, ax; inc dx; in al, dx; in al, dx
        &[0xba, 0x10, 0x05, 0xb8, 0x20, 0x00, 0xef, 0x42, 0xec, 0xec][..],
        // mov dx, 0xcf8; mov eax, 0x80000090; out dx, eax
        &[0xba, 0xf8, 0x0c, 0x66, 0xb8, 0x90, 0x00, 0x00, 0x80, 0x66, 0xef],
        // mov dx, 0xcfc; mov eax, 0x02013330; out dx, eax
        &[0xba, 0xfc, 0x0c, 0x66, 0xb8, 0x30, 0x33, 0x01, 0x02, 0x66, 0xef],
        // mov dx, 0x3f8; mov al, 'r'; out dx, al; mov al, '\n'; out dx, al
        &[0xba, 0xf8, 0x03, 0xb0, b'r', 0xee, 0xb0, b'\n', 0xee],
        // again: mov dx, 0x3fd; in al, dx; test al, 1; jz again
        &[0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xf8],
        // mov dx, 0x511; in al, dx; mov dx, 0x3f8; out dx, al; mov al, '\n'; out dx, al; here: jmp here
        &[0xba, 0x11, 0x05, 0xec, 0xba, 0xf8, 0x03, 0xee, 0xb0, b'\n', 0xee, 0xeb, 0xfe],
    ];
    let code = code.concat();
    let mut page = vec![0x90; 4096];
    page[CODE..code.len()].copy_from_slice(&code);
    // jmp 0xf000, from 0xfff3
    page[RESET_VECTOR..RESET_VECTOR + 3].copy_from_slice(&[0xe9, 0x0d, 0xf0]);
    page
}

#[test]
fn firmware_goes_on_in_a_new_machine_with_its_files_and_its_memory_as_they_were() {
    if !testing::has_kvm() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), firmware()).unwrap();
    let config = VmConfig {
        cpus: CpusConfig { boot: 1, ..CpusConfig::default() },
        payload: PayloadConfig::Firmware { interface: FirmwareInterface::Uefi, log: false, files: Default::default() },
        ..rig::config(Default::default(), "", 0)
    };
    let mut rig = Rig::new(file.path(), &config, &[], SavedMachine::default());
    rig.machine.start().unwrap();
    rig.expect("r");
    rig.machine.pause().unwrap();
    let slots = |rig: &Rig| -> Vec<_> {
        let slots = rig.machine.address_space.slots();
        slots.iter().map(|slot| (slot.start(), slot.len(), slot.readonly())).collect()
    };
    let before = slots(&rig);
    // PAM0 and PAM1: RAM; the lower half of PAM2: RAM to read; the rest is nothing, but for the code's page.
    assert!(before.contains(&(0xc_8000, 0x4000, true)), "{before:x?}");
    assert!(before.contains(&(0xf_0000, (64 << 20) - 0xf_0000, false)), "{before:x?}");
    let mut rig = reincarnate(rig, file.path(), &[]);
    assert_eq!(slots(&rig), before);
    rig.machine.start().unwrap();
    rig.type_in("x");
    rig.expect("D");
}
