//! The sections of a saved machine, handed to the devices one by one.

use devices::id::DeviceId;
use devices::state::{DeviceState, Section, StateError};
use std::collections::BTreeMap;

/// What is left of a saved machine while it is restored. The default has nothing: a first start.
#[derive(Debug, Default)]
pub(crate) struct SavedMachine {
    /// `None`: there is no saved state, every device starts afresh.
    sections: Option<BTreeMap<(DeviceId, String), Section>>,
}

impl SavedMachine {
    /// The sections of a machine that was saved.
    pub(crate) fn of(sections: Vec<Section>) -> Self {
        let keyed = sections.into_iter().map(|section| ((section.device.clone(), section.kind.clone()), section));
        Self { sections: Some(keyed.collect()) }
    }

    /// `true` for a machine that is restored.
    pub(crate) fn is_restore(&self) -> bool {
        self.sections.is_some()
    }

    /// Takes the state of kind `S` of `device` out: `None` on a first start.
    ///
    /// # Errors
    /// A restored machine lacks the section, or it is damaged or of an unknown version.
    pub(crate) fn take<S: DeviceState>(&mut self, device: &DeviceId) -> Result<Option<S>, StateError> {
        let Some(sections) = &mut self.sections else { return Ok(None) };
        match sections.remove(&(device.clone(), S::KIND.into())) {
            Some(section) => section.decode().map(Some),
            None => {
                Err(StateError::Invalid { device: device.clone(), reason: format!("it has no {} section", S::KIND) })
            }
        }
    }

    /// Everything was taken.
    ///
    /// # Errors
    /// A section is left: the saved machine has a device that this one lacks.
    pub(crate) fn finish(self) -> Result<(), StateError> {
        match self.sections.into_iter().flatten().next() {
            None => Ok(()),
            Some(((device, kind), _)) => {
                Err(StateError::Invalid { device, reason: format!("this machine has no such device ({kind})") })
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Counter(u32);

    impl DeviceState for Counter {
        const KIND: &'static str = "counter";
        const VERSION: u16 = 1;
    }

    fn saved() -> SavedMachine {
        SavedMachine::of(vec![Section::encode(&"a".into(), &Counter(7)).unwrap()])
    }

    #[test]
    fn a_first_start_has_no_state_for_anyone() {
        let mut none = SavedMachine::default();
        assert!(!none.is_restore());
        assert_eq!(none.take::<Counter>(&"a".into()).unwrap(), None);
        none.finish().unwrap();
    }

    #[test]
    fn each_section_is_taken_once() {
        let mut saved = saved();
        assert_eq!(saved.take::<Counter>(&"a".into()).unwrap(), Some(Counter(7)));
        let error = saved.take::<Counter>(&"a".into()).unwrap_err().to_string();
        assert_eq!(error, "State of a cannot be used: it has no counter section");
        saved.finish().unwrap();
    }

    #[test]
    fn a_section_that_nobody_takes_is_refused_by_name() {
        let error = saved().finish().unwrap_err().to_string();
        assert_eq!(error, "State of a cannot be used: this machine has no such device (counter)");
    }
}
