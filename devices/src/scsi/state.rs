//! What a unit remembers, as part of its controller's state.

use super::drive::Door;
use super::sense::Sense;
use serde::{Deserialize, Serialize};

/// What its initiator set, and what it has not been told of yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// Blocks, and whether they can be written: what the initiator has been told.
    pub(super) blocks: u64,
    pub(super) readonly: bool,
    pub(super) write_cache: bool,
    pub(super) attentions: Vec<Sense>,
    /// What the last command failed with, where the transport does not carry it.
    pub(super) held: Option<Sense>,
    pub(super) door: Door,
}
