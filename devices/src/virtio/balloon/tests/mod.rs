//! The balloon device, as its driver and the host see it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod device;
mod queues;

use super::discard::Discarder;
use super::*;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// RAM from 0 to 0x8000 and from 0xa000 to 0x10000; takes notes of what goes.
#[derive(Default)]
struct FakePages {
    gone: Mutex<Vec<Range<u64>>>,
    refuses: bool,
}

impl GuestPages for FakePages {
    fn discard(&self, range: Range<u64>) -> Result<(), DiscardError> {
        let whole = [range.start, range.end].iter().all(|end| end.is_multiple_of(4096));
        assert!(range.start < range.end && whole, "{range:x?}");
        if !crate::virtio::testing::is_memory(range.start, range.end - range.start) {
            return Err(DiscardError::NotRam(range));
        }
        if self.refuses {
            return Err(DiscardError::Host("no".into()));
        }
        self.gone.lock().unwrap().push(range);
        Ok(())
    }
}

impl FakePages {
    fn gone(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut *self.gone.lock().unwrap())
    }
}

fn discarder(pages: &Arc<FakePages>) -> Arc<Discarder> {
    Arc::new(Discarder::new("balloon0".into(), Arc::clone(pages) as _))
}
