//! Fetches the Debian packages that nested tests boot.

fn main() {}
