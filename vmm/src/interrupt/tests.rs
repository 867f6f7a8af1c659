//! The manager over controllers that only take notes.
#![allow(clippy::unwrap_used)]

use super::*;
use std::os::fd::AsRawFd;

#[derive(Default)]
struct Notes {
    /// (line, descriptor)
    connected: Mutex<Vec<(u32, i32)>>,
    refuse: bool,
}

impl Controllers for Notes {
    fn connect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        if self.refuse {
            return Err(KvmError::new("KVM_IRQFD", std::io::Error::from_raw_os_error(libc::ENOMEM)));
        }
        self.connected.lock().unwrap().push((gsi, event.as_raw_fd()));
        Ok(())
    }

    fn disconnect(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        let mut connected = self.connected.lock().unwrap();
        let place = connected.iter().position(|known| *known == (gsi, event.as_raw_fd())).unwrap();
        connected.remove(place);
        Ok(())
    }
}

fn manager() -> (Arc<Notes>, KvmInterruptManager<Notes>) {
    let notes = Arc::new(Notes::default());
    (Arc::clone(&notes), KvmInterruptManager::over(notes))
}

#[test]
fn a_line_is_connected_once_and_free_again_when_its_owner_drops_it() {
    let (notes, manager) = manager();
    let line = manager.edge_line(IrqLine(17)).unwrap();
    assert!(matches!(notes.connected.lock().unwrap()[..], [(17, _)]));
    assert!(matches!(manager.edge_line(IrqLine(17)), Err(InterruptError::Taken(17))));
    drop(line);
    assert!(notes.connected.lock().unwrap().is_empty());
    manager.edge_line(IrqLine(17)).unwrap();
}

#[test]
fn a_trigger_writes_the_event_that_the_controller_listens_to() {
    let notes = Arc::new(Notes::default());
    let line = KvmEdgeLine::connect(&notes, &Taken::default(), 5).unwrap();
    line.trigger();
    line.trigger();
    assert_eq!(line.event.read().unwrap(), 2);
}

#[test]
fn lines_beyond_the_controller_and_the_pits_own_are_refused() {
    let (_, manager) = manager();
    assert!(matches!(manager.edge_line(IrqLine(24)), Err(InterruptError::NoSuchLine { line: 24, last: 23 })));
    assert!(matches!(manager.edge_line(IrqLine(0)), Err(InterruptError::Taken(0))));
    assert!(matches!(manager.edge_line(IrqLine(2)), Err(InterruptError::Taken(2))));
    manager.edge_line(IrqLine(23)).unwrap();
}

#[test]
fn a_refusal_of_the_host_names_the_line_and_leaves_it_free() {
    let notes = Arc::new(Notes { refuse: true, ..Default::default() });
    let manager = KvmInterruptManager::over(Arc::clone(&notes));
    for _ in 0..2 {
        let error = manager.edge_line(IrqLine(4)).err().unwrap();
        assert_eq!(error.to_string(), "Cannot connect interrupt line 4");
    }
}
