#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const APIC_ID: u32 = 5;

/// What a host with everything can do.
fn capabilities() -> Capabilities {
    Capabilities::read(|_| 4096).unwrap()
}

fn state() -> VcpuState {
    VcpuState {
        apic_id: APIC_ID,
        cpuid: vec![kvm_cpuid_entry2 { function: 1, ebx: APIC_ID << 24, ..Default::default() }],
        tsc_khz: Some(2_600_000),
        regs: kvm_regs::default(),
        sregs: kvm_sregs::default(),
        pdptrs: Some([1, 2, 3, 4]),
        xcrs: Some(kvm_xcrs::default()),
        xsave: Some(vec![0; 1024]),
        debugregs: Some(kvm_debugregs::default()),
        events: kvm_vcpu_events::default(),
        msrs: vec![(0x174, 1), (0x999, 0)],
        mp_state: kvm_mp_state::default(),
        lapic: kvm_lapic_state::default(),
        tsc: 1,
        tsc_deadline: 2,
    }
}

fn refusal(change: impl FnOnce(&mut VcpuState, &mut Capabilities)) -> String {
    let (mut state, mut capabilities) = (state(), capabilities());
    change(&mut state, &mut capabilities);
    state.check(&"vcpu3".into(), APIC_ID, &capabilities).unwrap_err().to_string()
}

#[test]
fn a_part_that_the_host_cannot_take_is_refused_by_name() {
    state().check(&"vcpu3".into(), APIC_ID, &capabilities()).unwrap();
    assert_eq!(
        refusal(|_, host| host.xcrs = false),
        "State of vcpu3 cannot be used: this host cannot take extended control registers (KVM_CAP_XCRS)"
    );
    assert!(refusal(|_, host| host.sregs2 = false).contains("PAE page-directory pointers"));
    assert!(refusal(|_, host| host.xsave = false).contains("KVM_CAP_XSAVE"));
    assert!(refusal(|_, host| host.debugregs = false).contains("KVM_CAP_DEBUGREGS"));
    assert!(refusal(|_, host| host.tsc_khz = false).contains("frequency"));
    assert!(refusal(|_, host| host.tsc_deadline = false).contains("TSC deadline"));
}

#[test]
fn a_part_that_is_absent_needs_nothing_of_the_host() {
    let poor = Capabilities {
        xcrs: false,
        xsave: false,
        debugregs: false,
        sregs2: false,
        tsc_khz: false,
        tsc_deadline: false,
        ..capabilities()
    };
    let state =
        VcpuState { pdptrs: None, xcrs: None, xsave: None, debugregs: None, tsc_khz: None, tsc_deadline: 0, ..state() };
    state.check(&"vcpu3".into(), APIC_ID, &poor).unwrap();
}

#[test]
fn state_of_another_vcpu_is_refused() {
    assert!(refusal(|state, _| state.apic_id = 4).contains("its APIC id is 4, but the vCPU's is 5"));
    assert!(refusal(|state, _| state.cpuid[0].ebx = 4 << 24).contains("CPUID leaf 1"));
    assert!(refusal(|state, _| state.cpuid.clear()).contains("CPUID leaf 1"));
    assert!(refusal(|state, _| state.mp_state.mp_state = 99).contains("cannot be in state 99"));
}

#[test]
fn only_msrs_that_this_program_saves_are_set() {
    let device = DeviceId::new("vcpu3");
    let known = state().known_msrs(&device, &[0x174, 0x175]).unwrap();
    assert_eq!(known.iter().map(|msr| (msr.index, msr.data)).collect::<Vec<_>>(), [(0x174, 1)]);
    let error = state().known_msrs(&device, &[0x175]).unwrap_err().to_string();
    assert_eq!(error, "State of vcpu3 cannot be used: this host has no MSR 0x174, which is 0x1");
}

#[test]
fn a_tsc_that_would_go_backwards_is_refused() {
    let device = DeviceId::new("vcpu3");
    let state = VcpuState { tsc: 10_000_000_000, ..state() };
    state.check_tsc(&device, 10_000_000_001).unwrap();
    assert!(state.check_tsc(&device, 9_999_999_999).unwrap_err().to_string().contains("cannot set its TSC"));
}

#[test]
fn the_page_directory_pointers_are_told_to_be_valid() {
    let sregs = kvm_sregs { cr3: 0x1000, efer: 0x500, ..Default::default() };
    let with = with_pdptrs(&sregs, [1, 2, 3, 4]);
    assert_eq!((with.flags, with.pdptrs, with.cr3, with.efer), (1, [1, 2, 3, 4], 0x1000, 0x500));
}

proptest! {
    #[test]
    fn damaged_state_is_an_error_or_another_state_but_never_a_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), keep in any::<prop::sample::Index>()
    ) {
        let mut bytes = postcard::to_stdvec(&state()).unwrap();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(keep.index(bytes.len() * 2));
        let device = DeviceId::new("vcpu3");
        if let Ok(state) = VcpuState::decode(&device, VcpuState::VERSION, &bytes) {
            // Whether they are taken does not matter here.
            let _ = state.check(&device, APIC_ID, &capabilities());
            let _ = state.known_msrs(&device, &[0x174]);
        }
    }
}
