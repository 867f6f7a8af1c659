//! Lines and messages reach the guest as interrupts.

use super::guest::{CODE, Guest, Note, host};
use devices::bus::Width;
use devices::interrupt::{InterruptManager, IrqLine, MsiMessage};

#[rustfmt::skip]
const WAITS_FOR_IRQ4: &[u8] = &[
    // The first PIC: vectors from 0x20, only IRQ 4 unmasked.
    0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21,
    0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xef, 0xe6, 0x21,
    // out 0x80, al; again: sti; hlt; jmp again
    0xe6, 0x80, 0xfb, 0xf4, 0xeb, 0xfc,
];

/// Its handler: out 0x81, al; mov al, 0x20; out 0x20, al; out 0x80, al; iret
fn handle_irq4(guest: &Guest) {
    guest.write(0x2800, &[0xe6, 0x81, 0xb0, 0x20, 0xe6, 0x20, 0xe6, 0x80, 0xcf]);
    guest.write(0x24 * 4, &[0x00, 0x28, 0x00, 0x00]);
}

#[test]
fn an_edge_line_interrupts_a_halted_guest_each_time() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[WAITS_FOR_IRQ4]);
    handle_irq4(&guest);
    let line = guest.interrupts.edge_line(IrqLine(4)).unwrap();
    guest.vcpus.resume();
    assert_eq!(guest.until_done(), []);
    for _ in 0..20 {
        line.trigger();
        assert!(matches!(guest.until_done()[..], [Note::Write(0x81, Width::Byte, _)]));
    }
    guest.vcpus.pause();
    let inside = |_, vcpu: &crate::kvm::KvmVcpu| {
        assert!((CODE..0x2900).contains(&vcpu.get_regs().unwrap().rip));
        Ok::<_, std::convert::Infallible>(())
    };
    let Ok(()) = guest.vcpus.each(inside);
}

#[test]
fn the_controllers_state_goes_to_another_machine() {
    let Some(kvm) = host() else { return };
    let code: &[u8] = &[0xb0, 0x55, 0xe6, 0x21, 0xb0, 0xaa, 0xe6, 0xa1, 0xe6, 0x80, 0xf4];
    let guest = Guest::new(&kvm, &[code]);
    guest.vcpus.resume();
    guest.until_done();
    guest.vcpus.pause();
    let saved = guest.vm.irqchip_state().unwrap();

    // in al, 0x21; out 0x81, al; in al, 0xa1; out 0x82, al; out 0x80, al; hlt
    let other = Guest::new(&kvm, &[&[0xe4, 0x21, 0xe6, 0x81, 0xe4, 0xa1, 0xe6, 0x82, 0xe6, 0x80, 0xf4]]);
    other.vm.set_irqchip_state(&saved).unwrap();
    other.vcpus.resume();
    let expected = [Note::Write(0x81, Width::Byte, 0x55), Note::Write(0x82, Width::Byte, 0xaa)];
    assert_eq!(other.until_done(), expected);
}

/// The IOAPIC's record of what is asserted: one bit for each pin.
fn asserted_pins(guest: &Guest) -> u32 {
    let chips = guest.vm.irqchip_state().unwrap().chips;
    // SAFETY: the third chip is the IOAPIC, whose fields are plain numbers (`KvmVm::irqchip_state`).
    unsafe { chips[2].chip.ioapic }.irr
}

#[test]
fn a_shared_level_line_stays_asserted_at_a_masked_pin_until_its_last_owner_lowers_it() {
    let Some(kvm) = host() else { return };
    // No guest runs: every pin is masked, as after power-on.
    let guest = Guest::new(&kvm, &[&[0xf4]]);
    let [first, second] = [17, 17].map(|line| guest.interrupts.level_line(IrqLine(line)).unwrap());
    first.set(true);
    second.set(true);
    assert_eq!(asserted_pins(&guest), 1 << 17);
    first.set(false);
    assert_eq!(asserted_pins(&guest), 1 << 17);
    second.set(false);
    assert_eq!(asserted_pins(&guest), 0);

    let other = Guest::new(&kvm, &[&[0xf4]]);
    first.set(true);
    other.vm.set_irqchip_state(&guest.vm.irqchip_state().unwrap()).unwrap();
    let restored = other.interrupts.level_line(IrqLine(17)).unwrap();
    restored.set(true);
    assert_eq!(asserted_pins(&other), 1 << 17);
    restored.set(false);
    assert_eq!(asserted_pins(&other), 0, "an owner that asserted again after a restore can lower it");
}

#[test]
fn a_message_interrupts_a_halted_guest_and_lines_still_do() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[WAITS_FOR_IRQ4]);
    handle_irq4(&guest);
    // handler of the messages: out 0x82, al; out 0x80, al; iret
    guest.write(0x2900, &[0xe6, 0x82, 0xe6, 0x80, 0xcf]);
    // The local APIC is not acknowledged, so each message has a vector of a higher class than the one before.
    let vectors = [0x40, 0x50, 0x60];
    for vector in vectors {
        guest.write(u64::from(vector) * 4, &[0x00, 0x29, 0x00, 0x00]);
    }
    let enable = |_, vcpu: &crate::kvm::KvmVcpu| {
        let mut lapic = vcpu.get_lapic().unwrap();
        lapic.regs[0xf1] |= 1; // software enable, in the spurious-interrupt register
        vcpu.set_lapic(&lapic).unwrap();
        Ok::<_, std::convert::Infallible>(())
    };
    let Ok(()) = guest.vcpus.each(enable);
    let messages = guest.interrupts.msi_group(2).unwrap();
    let line = guest.interrupts.edge_line(IrqLine(4)).unwrap();
    guest.vcpus.resume();
    assert_eq!(guest.until_done(), []);
    messages.trigger(1);
    for data in vectors {
        let message = MsiMessage { address: 0xfee0_0000, data };
        messages.route(&[(1, Some(message))]).unwrap();
        messages.trigger(1);
        assert!(matches!(guest.until_done()[..], [Note::Write(0x82, Width::Byte, _)]), "{data:#x}");
        line.trigger();
        assert!(matches!(guest.until_done()[..], [Note::Write(0x81, Width::Byte, _)]), "after {data:#x}");
    }
}
