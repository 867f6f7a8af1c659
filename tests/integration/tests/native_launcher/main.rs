//! The program itself, run as a user runs it: what it refuses and how it says so, how it ends, and its consoles.

#![allow(clippy::unwrap_used)]

mod bad_firmware;
mod bad_host;
mod bad_input;
mod channels;
mod consoles;
mod doctor;
mod ends;
mod idle;
mod networks;
mod requests;
mod scene;
