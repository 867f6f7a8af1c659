//! The API of Podvisor: KubeVirt's kinds as Rust types.
//!
//! Everything here is a pure function of its arguments: no client, no clock, no files.

#![forbid(unsafe_code)]

pub mod admission;
#[allow(missing_docs, reason = "a field is documented where its name does not say it; types are")]
pub mod api;
mod base64;
pub mod check;
pub mod config;
pub mod crd;
pub mod defaults;
pub mod instancetype;
pub mod manifest;
pub mod schema;
mod semantic;
