//! The types of the API: one module for each part of a spec, shared by all kinds and all versions (upstream's versions
//! of a kind have the same schema).
//!
//! A field that may be absent is an `Option`, and absent, empty, zero and false stay apart. A field that the schema
//! requires is read as its zero value when it is missing, as upstream's decoder does; that it is missing is found by
//! [`crate::schema`], before. `null` is read as absent.

pub mod backup;
pub mod clone;
mod condition;
pub mod data_volume;
mod empty;
pub mod export;
pub mod instancetype;
pub mod kubernetes;
pub mod kubevirt;
pub mod migration;
pub mod migration_policy;
pub mod pool;
pub mod preset;
pub mod replica_set;
pub mod snapshot;
pub mod subresource;
pub mod vm;
pub mod vmi;

pub use condition::Condition;
pub use empty::Empty;
