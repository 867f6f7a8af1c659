//! A kernel that knows neither ACPI nor PCI nor a serial port, and that has no headers: libkrunfw's. It finds its CPUs by
//! the MP table and its devices by the command line, and speaks by a virtio console.

use std::process::Command;

use integration::images::Images;
use integration::nested::{GuestDisk, L1, compile_here, ensure_says, make_ext4};
use integration::paths;
use tempfile::TempDir;

use crate::scene::LIMIT;

const INIT: &str = "#!/bin/sh\n\
    export PATH=/bin\n\
    mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null\n\
    exec >/dev/hvc0 2>&1\n\
    echo \"guest kernel $(uname -r)\"\n\
    echo \"guest acpi $(ls /sys/firmware/acpi/tables 2>/dev/null | wc -l)\"\n\
    dd if=/bin/busybox of=/copy bs=64k 2>/dev/null; sync\n\
    cmp /bin/busybox /copy && echo 'guest disk whole'\n\
    echo \"guest done cpus=$(nproc)\"\n\
    reboot -f\n";

#[test]
fn a_kernel_without_headers_acpi_pci_and_serial_port_reaches_its_userspace() {
    let images = Images::ensure().unwrap();
    let directory = TempDir::with_prefix("podvisor-krunfw-").unwrap();
    let contents = directory.path().join("contents");
    std::fs::create_dir(&contents).unwrap();
    let program = compile_here("krunfw.c", directory.path()).unwrap();
    let output = Command::new(program).arg(images.krunfw()).arg(contents.join("kernel")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let addresses = String::from_utf8(output.stdout).unwrap();
    let (load, entry) = addresses.trim().split_once(' ').unwrap();
    GuestDisk::new(&images, INIT).unwrap().write_image(&contents.join("disk"), 32).unwrap();
    let medium = directory.path().join("medium");
    make_ext4(&contents, &medium, 96).unwrap();

    let config = format!(
        r#"{{"version": 1, "vm": {{"version": 1, "board": {{"kind": "microvm", "acpi": false}},
        "payload": {{"kind": "kernel", "entry": {{"raw": {{"load": {load}, "entry": {entry}}}}}}}}}}}"#
    );
    let script = format!(
        "mkdir /media && mount -o ro /dev/vda /media || exit 1\n\
         cp /media/disk /tmp/disk\necho '{config}' >/tmp/config\n\
         timeout 600 launcher run --config /tmp/config --kernel /media/kernel --memory 256Mi --cpus 2 \
         --cmdline 'console=hvc0 root=/dev/vda rw init=/sbin/init reboot=k panic=-1' --disk path=/tmp/disk \
         --virtio-console stdio --on-reboot exit </dev/null >/tmp/log 2>&1\n\
         status=$?\ncat /tmp/log\necho \"end $status\"\n"
    );
    let l1 = L1::new(&images).unwrap().module("crc32c_generic").module("ext4");
    let l1 = l1.program(&paths::launcher(), "/bin/launcher").disk(&medium);
    let text = l1.run(&script, LIMIT).unwrap().success().unwrap();
    for said in ["guest acpi 0", "guest disk whole", "guest done cpus=2", "end 0"] {
        ensure_says(&text, said).unwrap();
    }
}
