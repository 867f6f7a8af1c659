//! vCPUs: that each runs, and where each says that it stands.

use integration::machine::TestMachine;

#[test]
fn one_two_four_and_sixteen_vcpus_all_run_at_once() {
    for cpus in [1, 2, 4, 16] {
        let Some(machine) = TestMachine::script("smp") else { return };
        let mut guest = machine.cpus(cpus).start();
        let answer = guest.answer("smp");
        assert_eq!(answer.number("cpus"), u64::from(cpus));
        assert_eq!(answer.numbers("counters"), vec![10; cpus as usize]);
        assert_eq!(answer.numbers("lapic"), (0..u64::from(cpus)).collect::<Vec<_>>());
    }
}
