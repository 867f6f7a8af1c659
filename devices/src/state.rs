//! Device state as plain, versioned data: the unit of snapshots, migration and fork.
//!
//! A device's constructor is `new(config, resources, Option<State>)`: a first start is a restore of the first
//! state. The machine's saved form is a header and a list of these sections.

use crate::id::DeviceId;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Plain state of one kind of device: no descriptors, no addresses of this process.
pub trait DeviceState: Serialize + DeserializeOwned {
    /// What the section is called in the saved form, for example `virtio-block`.
    const KIND: &'static str;
    /// Raised by one at every change of the fields; older versions are converted in [`DeviceState::decode`].
    const VERSION: u16;

    /// Reads a payload of `version`. The default knows only the current version.
    ///
    /// # Errors
    /// The version is unknown, or the payload is not that of this kind.
    fn decode(device: &DeviceId, version: u16, payload: &[u8]) -> Result<Self, StateError> {
        if version != Self::VERSION {
            return Err(StateError::UnknownVersion {
                device: device.clone(),
                kind: Self::KIND.into(),
                version,
                known: Self::VERSION,
            });
        }
        let (state, rest) = postcard::take_from_bytes(payload).map_err(|source| StateError::Malformed {
            device: device.clone(),
            kind: Self::KIND.into(),
            source,
        })?;
        if rest.is_empty() {
            Ok(state)
        } else {
            Err(StateError::TrailingBytes { device: device.clone(), kind: Self::KIND.into(), count: rest.len() })
        }
    }
}

/// One device's state in its saved form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Whose state it is.
    pub device: DeviceId,
    /// [`DeviceState::KIND`] of the payload.
    pub kind: String,
    /// [`DeviceState::VERSION`] of the payload.
    pub version: u16,
    /// The state in postcard's binary form.
    pub payload: Vec<u8>,
}

impl Section {
    /// Writes `state` down.
    ///
    /// # Errors
    /// The state cannot be serialised, which is a fault of its type.
    pub fn encode<S: DeviceState>(device: &DeviceId, state: &S) -> Result<Self, StateError> {
        let payload = postcard::to_stdvec(state).map_err(|source| StateError::Unwritable {
            device: device.clone(),
            kind: S::KIND.into(),
            source,
        })?;
        Ok(Self { device: device.clone(), kind: S::KIND.into(), version: S::VERSION, payload })
    }

    /// Reads the state back; the section must be of `S`'s kind and of a version it knows.
    ///
    /// # Errors
    /// Another kind, an unknown version, or a payload that does not parse.
    pub fn decode<S: DeviceState>(&self) -> Result<S, StateError> {
        if self.kind != S::KIND {
            return Err(StateError::WrongKind {
                device: self.device.clone(),
                found: self.kind.clone(),
                expected: S::KIND.into(),
            });
        }
        S::decode(&self.device, self.version, &self.payload)
    }
}

/// Why state cannot be written or read.
#[derive(Debug, Error)]
pub enum StateError {
    /// The section belongs to another kind of device.
    #[error("State of {device} is of kind {found}, but the device is a {expected}")]
    WrongKind {
        /// Whose state.
        device: DeviceId,
        /// The section's kind.
        found: String,
        /// The device's kind.
        expected: String,
    },
    /// Written by a newer (or much older) version of this program.
    #[error(
        "State of {device} ({kind}) has version {version}; this program knows version {known}: use the version that saved it"
    )]
    UnknownVersion {
        /// Whose state.
        device: DeviceId,
        /// Its kind.
        kind: String,
        /// The section's version.
        version: u16,
        /// The newest version known here.
        known: u16,
    },
    /// The payload does not parse.
    #[error("State of {device} ({kind}) is damaged")]
    Malformed {
        /// Whose state.
        device: DeviceId,
        /// Its kind.
        kind: String,
        /// What the parser said.
        #[source]
        source: postcard::Error,
    },
    /// The payload goes on after its end.
    #[error("State of {device} ({kind}) is damaged: {count} bytes follow its end")]
    TrailingBytes {
        /// Whose state.
        device: DeviceId,
        /// Its kind.
        kind: String,
        /// How many bytes are left.
        count: usize,
    },
    /// A value in the state is impossible for this device, and would break an invariant if it were used.
    #[error("State of {device} cannot be used: {reason}")]
    Invalid {
        /// Whose state.
        device: DeviceId,
        /// Which value, and why.
        reason: String,
    },
    /// The device's queues run, so its state changes while it is read.
    #[error("State of {0} cannot be read while its queues run: pause the machine first")]
    Running(DeviceId),
    /// The state could not be serialised.
    #[error("State of {device} ({kind}) cannot be written")]
    Unwritable {
        /// Whose state.
        device: DeviceId,
        /// Its kind.
        kind: String,
        /// What the writer said.
        #[source]
        source: postcard::Error,
    },
    /// The host would not tell or take a part of the state.
    #[error("State of {device} cannot be exchanged with the host")]
    Host {
        /// Whose state.
        device: DeviceId,
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
