//! Finds all functions: bus 0, and what lies behind bridges, which are switched on.

use alloc::vec::Vec;

use super::bridge::Bridge;
use super::config::{self, read8, read16};
use super::function::{Address, Function, command, register};

/// All functions in the order of a depth-first walk: a bridge, what is behind it, the next.
pub fn functions() -> Vec<Function> {
    let mut found = Vec::new();
    if config::exists() {
        walk(0, None, 0, &mut found);
    }
    found
}

fn walk(bus: u8, bridge: Option<(u8, u8)>, depth: u8, found: &mut Vec<Function>) {
    for device in 0..32 {
        let at = |function| Address { bus, device, function };
        if absent(at(0)) {
            continue;
        }
        let several = read8(at(0), register::HEADER) & 0x80 != 0;
        for function in (0..if several { 8 } else { 1 }).map(at).filter(|at| !absent(*at)) {
            // A device on bus 0 has pins of its own; behind a bridge each device adds its number.
            let root = bridge.map_or((device, 0), |(root, swizzle)| (root, (swizzle + device) % 4));
            let function = Function { at: function, root };
            found.push(function);
            if function.header() == 1 && depth < 8 {
                let secondary = Bridge::of(function).buses().secondary;
                if secondary > bus {
                    function.command(command::IO | command::MEMORY | command::MASTER, 0);
                    // The bridge's own pin: what comes out of its secondary bus leaves by the same pins.
                    walk(secondary, Some(root), depth + 1, found);
                }
            }
        }
    }
}

/// Whether no function answers at `at`.
pub fn absent(at: Address) -> bool {
    read16(at, register::ID) == 0xffff
}
