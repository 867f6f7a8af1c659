//! Each pair of calls that reads and writes state.

use super::guest::{host, lone_vcpu};
use crate::kvm::{DYNAMIC_XSTATE, permit_dynamic_xstate};
use crate::testing::host_differences;

const SPIN: &[u8] = &[0xeb, 0xfe];

#[test]
fn what_is_read_from_one_vcpu_can_be_written_to_another() {
    let Some(kvm) = host() else { return };
    assert_eq!(permit_dynamic_xstate() & !DYNAMIC_XSTATE, 0);
    let capabilities = kvm.capabilities();
    let (_from_vm, from) = lone_vcpu(&kvm, SPIN);
    let (_to_vm, to) = lone_vcpu(&kvm, SPIN);
    assert_eq!(from.id(), 0);

    let mut regs = from.get_regs().unwrap();
    regs.rbx = 0x1234_5678;
    from.set_regs(&regs).unwrap();
    to.set_regs(&regs).unwrap();
    assert_eq!(to.get_regs().unwrap(), regs);

    to.set_sregs(&from.get_sregs().unwrap()).unwrap();
    if capabilities.sregs2 {
        let sregs = from.get_sregs2().unwrap();
        to.set_sregs2(&sregs).unwrap();
        assert_eq!(to.get_sregs2().unwrap(), sregs);
    }
    if capabilities.xcrs {
        to.set_xcrs(&from.get_xcrs().unwrap()).unwrap();
    }
    let xsave = from.get_xsave().unwrap();
    assert!(xsave.len() >= 1024);
    to.set_xsave(&xsave).unwrap();
    assert_eq!(to.get_xsave().unwrap(), xsave);
    to.set_xsave(&xsave[..1024]).unwrap();
    assert!(to.set_xsave(&vec![0; xsave.len() + 1]).unwrap_err().to_string().contains("same kind of host"));
    if capabilities.debugregs {
        to.set_debug_regs(&from.get_debug_regs().unwrap()).unwrap();
    }
    to.set_lapic(&from.get_lapic().unwrap()).unwrap();
    to.set_vcpu_events(&from.get_vcpu_events().unwrap()).unwrap();
    to.set_mp_state(from.get_mp_state().unwrap()).unwrap();
    to.kvmclock_ctrl().unwrap();
    if let Some(khz) = from.get_tsc_khz() {
        to.set_tsc_khz(khz).unwrap();
    }
}

#[test]
fn msrs_are_exchanged_and_the_one_that_is_refused_is_named() {
    let Some(kvm) = host() else { return };
    let indices = kvm.msr_indices().unwrap();
    let (_vm, vcpu) = lone_vcpu(&kvm, SPIN);
    let available = vcpu.get_available_msrs(&indices).unwrap();
    assert!(!available.is_empty());
    vcpu.set_msrs(&available).unwrap();

    const NONE: u32 = 0xdead_0001;
    let efer = 0xc000_0080;
    let found = vcpu.get_available_msrs(&[NONE, efer, NONE]).unwrap();
    assert_eq!(found.iter().map(|msr| msr.index).collect::<Vec<_>>(), [efer]);
    let error = vcpu.get_msrs(&[efer, NONE, efer]).unwrap_err().to_string();
    assert!(error.contains("KVM_GET_MSRS") && error.contains("0xdead0001"), "{error}");
    assert_eq!(vcpu.get_msrs(&[efer; 600]).unwrap().len(), 600, "in several calls");
}

#[test]
fn the_clock_is_read_and_set() {
    let Some(kvm) = host() else { return };
    let (vm, _vcpu) = lone_vcpu(&kvm, SPIN);
    let mut clock = vm.get_clock().unwrap();
    assert_eq!(clock.flags & !kvm.capabilities().clock_flags, 0);
    clock.clock += 3_600_000_000_000;
    clock.flags = 0;
    vm.set_clock(&clock).unwrap();
    assert!(vm.get_clock().unwrap().clock >= clock.clock);
}

#[test]
fn smm_and_a_tsc_of_its_own_are_there_as_the_table_of_hosts_says() {
    let Some(kvm) = host() else { return };
    let (_vm, vcpu) = lone_vcpu(&kvm, SPIN);
    const TSC: u32 = 0x10;
    let far = kvm_bindings::kvm_msr_entry { index: TSC, data: 1 << 60, ..Default::default() };
    vcpu.set_msrs(&[far]).unwrap();
    let expected = host_differences::host();
    assert_eq!(vcpu.get_msrs(&[TSC]).unwrap()[0].data >= far.data, expected.tsc_is_settable, "{expected:?}");
    assert_eq!(kvm.capabilities().smm, expected.smm, "{expected:?}");
}

#[test]
fn the_hosts_processor_description_is_not_empty() {
    let Some(kvm) = host() else { return };
    assert!(kvm.supported_cpuid().unwrap().as_slice().len() > 10);
    assert!(kvm.capabilities().max_vcpus >= 16);
}

#[test]
fn another_file_is_no_kvm() {
    let zero = std::fs::File::open("/dev/zero").unwrap();
    let error = crate::kvm::Kvm::open(Some(zero.into())).unwrap_err().to_string();
    assert!(error.contains("not /dev/kvm"), "{error}");
}
