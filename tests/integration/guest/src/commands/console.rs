//! `wait`: a byte on the serial port. `serial-echo`: echoes until a newline. `flood=N`: N bytes of output at once.

use alloc::format;

use super::{Outcome, required};
use crate::serial::{self, receive, say, send_byte};

pub fn wait() -> Outcome {
    say!("waiting");
    let byte = receive();
    Ok(format!("byte={byte:#04x}"))
}

pub fn echo() -> Outcome {
    say!("echoing");
    let mut count = 0u64;
    loop {
        let byte = receive();
        send_byte(byte);
        if byte == b'\n' || byte == b'\r' {
            break;
        }
        count += 1;
    }
    Ok(format!("bytes={count} interrupts={}", serial::interrupts()))
}

pub fn flood(arguments: &str) -> Outcome {
    let lines = required(arguments)?.div_ceil(64);
    for line in 0..lines {
        say!("{line:063}");
    }
    Ok(format!("bytes={}", lines * 64))
}
