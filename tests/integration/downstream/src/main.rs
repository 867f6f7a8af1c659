//! Somebody else's program. It uses of `vmm` what is published, and relies on what a program can rely on: when it is
//! built no longer, or says something else, users' programs break too.
//!
//! Without an argument it does what needs no KVM; with a kernel, the project's test guest, it runs a machine as well.

#![forbid(unsafe_code)]

mod configuration;
mod errors;
mod events;
mod figures;
mod machine;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    configuration::is_as_it_was()?;
    errors::are_as_they_were()?;
    events::are_as_they_were();
    if let Some(kernel) = std::env::args().nth(1) {
        machine::runs(&kernel)?;
    }
    println!("downstream: everything is as it was");
    Ok(())
}
