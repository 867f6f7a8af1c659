//! Hands the linker what a bare-metal image needs: no start files, no libraries, our own layout.
//!
//! The arguments stand here and not in `.cargo/config.toml`, so that the guest builds the same from every directory.
//! Position-independent code is harmless in an image linked at a fixed address, and the red zone too: interrupts
//! always arrive on a stack of their own (TSS.RSP0), because Rust code runs at CPL 3 only.

fn main() {
    let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    println!("cargo:rerun-if-changed=link.ld");
    println!("cargo:rerun-if-changed=src/boot.s");
    for argument in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none",
        "-Wl,-z,norelro",
        "-Wl,--no-eh-frame-hdr",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{directory}/link.ld");
}
