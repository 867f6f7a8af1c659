//! One subject's starts, good and failed.

use super::launch::{self, Start};
use crate::machines::{Guest, Place, Subject};

/// After so many failed starts a subject is not started any more.
const GIVE_UP: u32 = 3;

/// What was measured of a subject so far.
#[derive(Debug)]
pub(super) struct Series<'a> {
    pub(super) subject: &'a Subject,
    /// Measured starts, without those of the warm-up.
    pub(super) starts: Vec<Start>,
    tried: u32,
    failed: u32,
    /// What the first failed start said.
    reason: Option<String>,
}

impl<'a> Series<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self { subject, starts: Vec::new(), tried: 0, failed: 0, reason: None }
    }

    /// Starts it once in each of `places`, unless it has failed too often.
    pub(super) fn start(&mut self, guest: &Guest<'_>, places: &[Place], warm_up: bool) {
        if self.failed >= GIVE_UP {
            return;
        }
        for start in launch::start(self.subject, guest, places) {
            self.tried += 1;
            match start {
                Ok(start) if !warm_up => self.starts.push(start),
                Ok(_) => {}
                Err(error) => {
                    self.failed += 1;
                    self.reason.get_or_insert_with(|| format!("{error:#}"));
                }
            }
        }
    }

    /// How often it failed, and why, if it did.
    pub(super) fn failures(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        Some(format!("{} of {} starts failed: {reason}", self.failed, self.tried))
    }
}
