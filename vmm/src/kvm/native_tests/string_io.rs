//! Port and memory accesses arrive in the widths that the guest used.

use super::guest::{Guest, Note, host};
use crate::kvm::IoEvent;
use devices::bus::Width;
use devices::pci::Space;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// mov si, 0x2000; mov di, 0x3000; mov cx, `count`; mov dx, 0x1f0; cld; rep `instruction`; out 0x80, al; hlt
fn string(count: u16, instruction: &[u8]) -> Vec<u8> {
    let [low, high] = count.to_le_bytes();
    let mut code = vec![0xbe, 0x00, 0x20, 0xbf, 0x00, 0x30, 0xb9, low, high, 0xba, 0xf0, 0x01, 0xfc, 0xf3];
    code.extend_from_slice(instruction);
    code.extend_from_slice(&[0xe6, 0x80, 0xf4]);
    code
}

#[test]
fn rep_outsb_writes_byte_by_byte() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[&string(5, &[0x6e])]);
    guest.write(0x2000, b"hello");
    guest.vcpus.resume();
    let expected: Vec<_> = b"hello".iter().map(|byte| Note::Write(0x1f0, Width::Byte, (*byte).into())).collect();
    assert_eq!(guest.until_done(), expected);
}

#[test]
fn rep_outsw_writes_word_by_word() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[&string(3, &[0x6f])]);
    guest.write(0x2000, &[1, 2, 3, 4, 5, 6]);
    guest.vcpus.resume();
    let expected: Vec<_> =
        [0x0201, 0x0403, 0x0605].into_iter().map(|word| Note::Write(0x1f0, Width::Word, word)).collect();
    assert_eq!(guest.until_done(), expected);
}

#[test]
fn rep_insb_reads_byte_by_byte_and_more_than_one_batch() {
    let Some(kvm) = host() else { return };
    // KVM reads ahead at most a page at a time.
    const COUNT: u16 = 5000;
    let guest = Guest::new(&kvm, &[&string(COUNT, &[0x6c])]);
    let input: Vec<u8> = (0..COUNT).map(|index| index.to_le_bytes()[0] ^ index.to_le_bytes()[1]).collect();
    *guest.recorder.input.lock().unwrap() = input.iter().map(|byte| (*byte).into()).collect();
    guest.vcpus.resume();
    let notes = guest.until_done();
    assert_eq!(notes.len(), usize::from(COUNT));
    assert!(notes.iter().all(|note| *note == Note::Read(0x1f0, Width::Byte)));
    assert_eq!(guest.read(0x3000, COUNT.into()), input);
}

#[test]
fn rep_insw_reads_word_by_word() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[&string(3, &[0x6d])]);
    *guest.recorder.input.lock().unwrap() = vec![0x0201, 0x0403, 0x0605];
    guest.vcpus.resume();
    let notes = guest.until_done();
    assert_eq!(notes, [const { Note::Read(0x1f0, Width::Word) }; 3]);
    assert_eq!(guest.read(0x3000, 7), [1, 2, 3, 4, 5, 6, 0]);
}

#[test]
fn memory_accesses_arrive_whole_and_an_ioevent_takes_only_its_own_write() {
    let Some(kvm) = host() else { return };
    // mov ax, 0x6000; mov ds, ax; mov dword [0x50], 1; mov dword [0x50], 2; mov ax, [0x54]; out 0x80, al; hlt
    let guest = Guest::new(
        &kvm,
        &[&[
            0xb8, 0x00, 0x60, 0x8e, 0xd8, 0x66, 0xc7, 0x06, 0x50, 0x00, 1, 0, 0, 0, 0x66, 0xc7, 0x06, 0x50, 0x00, 2, 0,
            0, 0, 0xa1, 0x54, 0x00, 0xe6, 0x80, 0xf4,
        ]],
    );
    let event = EventFd::new(EFD_NONBLOCK).unwrap();
    let write = IoEvent { space: Space::Memory, address: 0x6_0050, value: Some(1) };
    guest.vm.register_ioevent(&event, write).unwrap();
    guest.vcpus.resume();
    let notes = guest.until_done();
    assert_eq!(notes, [Note::Write(0x6_0050, Width::Dword, 2), Note::Read(0x6_0054, Width::Word)]);
    assert_eq!(event.read().unwrap(), 1);
    guest.vm.unregister_ioevent(&event, write).unwrap();
}
