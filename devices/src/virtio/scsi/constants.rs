//! Numbers of the protocol (VIRTIO 1.2 5.6.3, 5.6.6), which the crate of VIRTIO's constants lacks.

/// Feature bits: units may come and go, and events tell of changes. No unit comes or goes, but Linux gives buffers for
/// events only to a device that has both.
pub(super) const F_HOTPLUG: u32 = 1;
pub(super) const F_CHANGE: u32 = 2;

/// Responses.
pub(super) const S_OK: u8 = 0;
pub(super) const S_OVERRUN: u8 = 1;
pub(super) const S_ABORTED: u8 = 2;
pub(super) const S_BAD_TARGET: u8 = 3;
pub(super) const S_RESET: u8 = 4;
pub(super) const S_FAILURE: u8 = 9;
pub(super) const S_FUNCTION_SUCCEEDED: u8 = 10;
pub(super) const S_FUNCTION_REJECTED: u8 = 11;
pub(super) const S_INCORRECT_LUN: u8 = 12;

/// Types of control requests.
pub(super) const T_TMF: u32 = 0;
pub(super) const T_AN_QUERY: u32 = 1;
pub(super) const T_AN_SUBSCRIBE: u32 = 2;

/// Task management functions.
pub(super) const TMF_ABORT_TASK: u32 = 0;
pub(super) const TMF_ABORT_TASK_SET: u32 = 1;
pub(super) const TMF_CLEAR_TASK_SET: u32 = 3;
pub(super) const TMF_I_T_NEXUS_RESET: u32 = 4;
pub(super) const TMF_LOGICAL_UNIT_RESET: u32 = 5;
pub(super) const TMF_QUERY_TASK: u32 = 6;
pub(super) const TMF_QUERY_TASK_SET: u32 = 7;

/// Type of the event that a unit has changed.
pub(super) const T_PARAM_CHANGE: u32 = 3;
