//! Each wrong input is refused by one clear line with the chain of its causes, and nothing is left behind.

use super::scene::{Scene, finish, says};
use flate2::Compression;
use flate2::write::GzEncoder;
use integration::machine::{Console, DEADLINE, kvm_or_skip, test_guest};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::Instant;

fn fifo(scene: &Scene, name: &str) {
    mknodat(CWD, scene.path(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn what_is_no_file_is_refused_as_anything() {
    let scene = Scene::new();
    fs::create_dir(scene.path("directory")).unwrap();
    fifo(&scene, "fifo");
    for (path, sort) in [
        ("directory", "It is a directory, not a regular file"),
        ("/dev/zero", "It is a character device, not a regular file"),
        ("fifo", "It is a FIFO, not a regular file"),
        ("missing", "It cannot be found: No such file or directory (os error 2)"),
    ] {
        for (arguments, id) in [
            (format!("run --kernel {path}"), "kernel"),
            (format!("run --kernel GUEST --initrd {path}"), "initrd"),
            (format!("run --kernel GUEST --disk path={path}"), "disk0"),
            (format!("run --kernel GUEST --disk path={path},readonly"), "disk0"),
        ] {
            says(&scene.refusal(&arguments), &["Cannot open ", &format!("Cannot use {path} as {id}: "), sort]);
        }
        says(&scene.refusal(&format!("run --config {path}")), &["Cannot read the configuration file ", path, sort]);
    }
}

#[test]
fn a_kernel_that_is_none_or_not_whole_is_refused() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let guest = fs::read(test_guest()).unwrap();
    scene.file("text", "#!/bin/sh\necho I am no kernel, but I am long enough to have a header\n".repeat(100));
    scene.file("empty", "");
    scene.sparse("zeros", 1 << 20);
    scene.file("header", &guest[..64]);
    scene.file("half", &guest[..guest.len() / 2]);
    for (file, reason) in [
        ("text", "The kernel is neither an ELF file nor a bzImage"),
        ("zeros", "The kernel is neither an ELF file nor a bzImage"),
        ("empty", "The kernel is an empty file"),
        ("header", "truncated"),
        ("half", "The kernel is truncated"),
    ] {
        says(&scene.refusal(&format!("run --kernel {file}")), &["Cannot build the machine: ", reason]);
    }
}

#[test]
fn an_initrd_that_is_empty_truncated_or_larger_than_memory_is_refused() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    scene.file("empty", "");
    scene.sparse("large", 65 << 20);
    // One entry of a cpio archive, "init" with 4096 bytes, of which 16 are there.
    let fields = [1, 0o100_755, 0, 0, 1, 0, 4096, 0, 0, 0, 0, 5, 0].map(|field| format!("{field:08x}")).concat();
    scene.file("half", format!("070701{fields}init\0\0#!/bin/busybox\n\n"));
    let refused = |initrd: &str| scene.refusal(&format!("run --kernel GUEST --memory 64Mi --initrd {initrd}"));
    says(&refused("empty"), &["Cannot build the machine: ", "The initrd is an empty file"]);
    says(&refused("half"), &["Cannot build the machine: ", "The initrd is truncated"]);
    says(&refused("large"), &["Cannot build the machine: ", "The initrd has 68157440 bytes", "more memory"]);
}

#[test]
fn a_compressed_initrd_that_is_truncated_is_refused_and_a_whole_one_is_taken() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&fs::read(test_guest()).unwrap()).unwrap();
    let whole = packer.finish().unwrap();
    scene.file("whole", &whole);
    scene.file("half", &whole[..whole.len() / 2]);
    scene.file("short", &whole[..whole.len() - 1]);
    let run = |initrd| format!("run --kernel GUEST --memory 64Mi --initrd {initrd}");
    for cut in ["half", "short"] {
        let size = fs::metadata(scene.path(cut)).unwrap().len();
        let refusal = scene.refusal(&run(cut));
        says(&refusal, &["Cannot build the machine: ", "The initrd is truncated", &format!("the file has {size}")]);
    }
    let mut command = scene.launcher(&format!("{} --cmdline poweroff", run("whole")));
    let output = finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_machine_without_a_kernel_is_refused() {
    says(&Scene::new().refusal("run"), &["No kernel is given: name one with --kernel"]);
}

#[test]
fn impossible_vcpus_are_refused() {
    let scene = Scene::new();
    for (cpus, reason) in [
        ("0", "A machine needs at least 1 vCPU"),
        (
            "252,sockets=84,cores=3",
            "252 vCPUs arranged as 84x3x1 (sockets x cores x threads) need APIC ids up to 334, and 254 is the highest",
        ),
        ("4294967295", "need APIC ids up to 4294967294, and 254 is the highest"),
        ("2,max=1", "cpus.max (1) is below cpus.boot (2)"),
        ("4,cores=0", "has a zero in it"),
        ("4,sockets=3,max=4", "makes 3 vCPUs, but there are 4"),
        ("4294967296", "is not a number of vCPUs"),
        ("two", "is not a number of vCPUs"),
    ] {
        says(&scene.refusal(&format!("run --kernel GUEST --cpus {cpus}")), &[reason]);
    }
}

#[test]
fn impossible_memory_is_refused() {
    let scene = Scene::new();
    for (memory, reason) in [
        ("100000001", "100000001 bytes of memory are not a multiple of the page size, 4096"),
        ("0", "0 bytes of memory are too little"),
        ("8Mi", "8388608 bytes of memory are too little"),
        ("plenty", "write a whole number of bytes"),
        ("16777216Ti", "more than 64 bits can count"),
    ] {
        says(&scene.refusal(&format!("run --kernel GUEST --memory {memory}")), &[reason]);
    }
}

#[test]
fn memory_that_the_host_cannot_map_is_refused() {
    if kvm_or_skip() {
        // More than the user half of an address space of 48 bits, so that no overcommitment lets it pass.
        says(
            &Scene::new().refusal("run --kernel GUEST --memory 200Ti"),
            &["Cannot build the machine: ", "219902325555200 bytes of guest memory are more than this host can map"],
        );
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_refused_with_the_way_out() {
    let scene = Scene::new();
    // The running test is a file that even root cannot open for writing.
    let program = std::env::current_exe().unwrap();
    let line = scene.refusal(&format!("run --kernel GUEST --disk path={}", program.display()));
    says(&line, &["as disk0: It cannot be opened for reading and writing", "readonly", "Text file busy (os error 26)"]);
}

#[test]
fn a_disk_given_twice_is_refused_when_the_guest_could_write_to_it() {
    let scene = Scene::new();
    scene.sparse("disk", 1 << 20);
    fs::hard_link(scene.path("disk"), scene.path("link")).unwrap();
    std::os::unix::fs::symlink("disk", scene.path("symlink")).unwrap();
    for (first, second) in [("disk", "disk"), ("disk", "link"), ("disk,readonly", "symlink"), ("link", "disk,readonly")]
    {
        let line = scene.refusal(&format!("run --kernel GUEST --disk path={first} --disk path={second}"));
        says(&line, &["disk0 and disk1 are the same disk"]);
    }
}

#[test]
fn a_disk_that_another_launcher_writes_to_is_refused() {
    if !kvm_or_skip() {
        return;
    }
    let scene = Scene::new();
    scene.sparse("disk", 1 << 20);
    let (mut console, theirs) = Console::pair();
    let mut first = scene.launcher("run --kernel GUEST --memory 64Mi --disk path=disk --cmdline wait");
    let mut first = first.stdin(theirs.try_clone().unwrap()).stdout(theirs).spawn().unwrap();
    while console.line(Instant::now() + DEADLINE).expect("the first machine starts") != "waiting" {}
    for second in ["path=disk", "path=disk,readonly"] {
        let line = scene.refusal(&format!("run --kernel GUEST --memory 64Mi --disk {second} --cmdline poweroff"));
        says(&line, &["Cannot start the machine: ", "disk0 is in use by another process"]);
    }
    first.kill().unwrap();
    first.wait().unwrap();
    // A killed launcher's lock is gone with it.
    let good = scene.launcher("run --kernel GUEST --memory 64Mi --disk path=disk --cmdline poweroff").output().unwrap();
    assert_eq!(good.status.code(), Some(0), "{good:?}");
}

#[test]
fn an_unknown_board_is_refused_with_the_ones_there_are() {
    let scene = Scene::new();
    says(&scene.refusal("run --board pc"), &["invalid value 'pc' for '--board", "[possible values: q35, microvm]"]);
    scene.file("vm.json", r#"{"version": 1, "vm": {"version": 1, "board": {"kind": "pc"}}}"#);
    let line = scene.refusal("run --config vm.json");
    says(
        &line,
        &["the configuration file vm.json: ", "unknown variant `pc`, expected `q35` or `microvm` at line 1 column "],
    );
}

#[test]
fn a_mistake_in_a_configuration_file_is_told_with_its_line_and_column() {
    let scene = Scene::new();
    for (json, reason) in [
        (
            "{\n  \"version\": 1,\n  \"vm\": {\"version\": 1, \"ram\": 5}\n}",
            "unknown field `ram`, expected one of `version`",
        ),
        (
            "{\n  \"version\": 1,\n  \"vm\": {\"version\": 1},\n  \"disks\": []}",
            "unknown field `disks`, expected one of",
        ),
        ("{\n  \"version\": 1,\n  \"vm\": {\"version\": 1, \"cpus\": {}}}", "missing field `boot`"),
        ("{\n  \"version\": 1,\n  \"vm\": {\"version\": \"one\"}}", "invalid type: string \"one\", expected u32"),
        ("{\n  \"version\": 1,\n  vm", "key must be a string"),
        ("", "EOF while parsing"),
    ] {
        scene.file("vm.json", json);
        let line = scene.refusal("run --config vm.json");
        says(&line, &["Cannot understand the configuration file vm.json: ", reason, " at line ", " column "]);
    }
}

#[test]
fn resources_that_do_not_fit_the_machine_are_refused_by_name() {
    let scene = Scene::new();
    scene.sparse("disk", 1 << 20);
    let refused = |vm: &str, resources: &str| {
        let vm = format!(r#"{{"version": 1, "vm": {{"version": 1{vm}}}, "resources": {{{resources}}}}}"#);
        scene.file("vm.json", vm);
        scene.refusal("run --config vm.json --kernel GUEST")
    };
    says(&refused("", r#""a": {"fd": 77}"#), &["Cannot take descriptor 77 for a: ", "no descriptor 77"]);
    says(&refused("", r#""a": "pty""#), &["a needs a path or a descriptor, not a console"]);
    says(&refused("", r#""serial0": {"path": "disk"}"#), &["serial0 needs \"stdio\""]);
    says(&refused(r#", "disks": [{"id": "kernel"}]"#, ""), &["kernel is the name of a device of the board"]);
    if kvm_or_skip() {
        says(
            &refused("", r#""a": {"path": "disk"}"#),
            &["A resource is given for a, but the configuration has no such device"],
        );
        says(&refused(r#", "disks": [{"id": "a"}]"#, ""), &["a has no resource"]);
    }
}

#[test]
fn a_console_that_cannot_be_made_is_refused_and_what_stood_there_stays() {
    let scene = Scene::new();
    scene.file("file", "precious");
    let _listener = UnixListener::bind(scene.path("used")).unwrap();
    for (path, reason) in [
        ("file", "It is there already, and is not a socket"),
        (".", "It is there already, and is not a socket"),
        ("used", "Another process is listening on it"),
        ("missing/console", "The socket cannot be made: No such file or directory (os error 2)"),
    ] {
        let line = scene.refusal(&format!("run --kernel GUEST --console socket={path}"));
        says(&line, &[&format!("Cannot listen for the console on {path}: {reason}")]);
    }
    assert_eq!(fs::read(scene.path("file")).unwrap(), b"precious");
}

#[test]
fn a_socket_is_removed_when_the_machine_is_refused_after_all() {
    if kvm_or_skip() {
        let scene = Scene::new();
        scene.file("text", "no kernel");
        says(&scene.refusal("run --kernel text --console socket=console"), &["Cannot build the machine"]);
    }
}

#[test]
fn a_command_line_or_environment_that_is_not_understood_is_refused_in_one_line() {
    let scene = Scene::new();
    for (arguments, reason) in [
        ("", "requires a subcommand"),
        ("start", "unrecognized subcommand 'start'"),
        ("run --kernal GUEST", "unexpected argument '--kernal' found"),
        ("run --kernel", "a value is required for '--kernel"),
        ("run --disk disk.img", "\"disk.img\" is not known: write path=FILE"),
        ("run --console tty", "write stdio, pty, socket=PATH or off"),
        ("run --grace soon", "invalid value 'soon' for '--grace <SECONDS>': write a whole number of seconds"),
        ("run --grace -1", "unexpected argument '-1' found"),
        ("doctor --xml", "unexpected argument '--xml' found"),
        ("run --on-reboot maybe", "invalid value 'maybe' for '--on-reboot"),
    ] {
        says(&scene.refusal(arguments), &[reason, "(see --help)"]);
    }
    for (variable, value) in [("PODVISOR_START_NS", "soon"), ("PODVISOR_LOG", "vmm=loud")] {
        let mut command = scene.launcher("run --kernel GUEST");
        command.env(variable, value);
        says(&scene.refusal_of(command), &[variable, value]);
    }
}
