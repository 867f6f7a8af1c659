//! As many vCPUs as the board is made for.

use integration::machine::long;

use super::machine;

#[test]
fn sixty_four_sockets_of_which_more_may_come_run_at_once_with_an_apic_id_each() {
    let cpus = long(64, 17);
    let Some(machine) = machine("smp topology") else { return };
    let mut guest = machine.topology(4 * cpus, 1, 1).cpus(cpus).max_cpus(4 * cpus).start();
    let ids: Vec<u64> = (0..u64::from(cpus)).collect();
    let started = guest.answer("smp");
    assert_eq!((started.numbers("table"), started.numbers("lapic")), (ids.clone(), ids.clone()));
    assert_eq!(started.numbers("counters"), vec![10; ids.len()]);
    let told = guest.answer("topology");
    for key in ["leaf1", "leafb", "lapic"] {
        assert_eq!(told.numbers(key), ids, "{key}");
    }
}
