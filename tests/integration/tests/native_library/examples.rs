//! The programs in `vmm/examples`, as a reader of the documentation runs them.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use flate2::Crc;
use integration::machine::{built_programs_or_skip, pattern, test_guest};
use integration::paths::example;

/// The example `name` with the test guest and its script, not started yet.
fn command(name: &str, script: &str) -> Command {
    let mut command = Command::new(example(name));
    command.arg(test_guest()).arg(script).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the program printed, which ended well.
#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The program ends with status 1 and says all of `parts`.
#[track_caller]
fn fails(mut command: Command, parts: &[&str]) {
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn boot_kernel_boots_a_kernel_to_its_console_until_it_powers_off() {
    if !built_programs_or_skip() {
        return;
    }
    let said = printed(&command("boot_kernel", "echo=text poweroff").output().unwrap());
    assert!(said.contains("hello podvisor-guest"), "{said}");
    assert!(said.contains("ok echo text"), "{said}");
    fails(command("boot_kernel", "exit=3"), &["has not switched itself off: Some(DebugExit { status: 3 })"]);
    let mut no_kernel = Command::new(example("boot_kernel"));
    no_kernel.arg("/nowhere/vmlinux");
    fails(no_kernel, &["Cannot open /nowhere/vmlinux", "No such file"]);
}

#[test]
fn hundred_vms_runs_a_hundred_machines_at_once_and_says_what_they_cost() {
    if !built_programs_or_skip() {
        return;
    }
    let said = printed(&command("hundred_vms", "").output().unwrap());
    assert!(said.starts_with("100 machines spoke after "), "{said}");
    let figures = ["output: median", "output: p99", "memory beyond guest RAM (PSS): "];
    assert!(figures.iter().all(|figure| said.contains(figure)), "{said}");
    // It has the figures of machines that were there: each has descriptors of its own.
    let open = said.lines().last().and_then(|line| line.strip_prefix("open files: ")?.split(' ').next());
    assert!(open.unwrap().parse::<u32>().unwrap() > 100 * 10, "{said}");
    fails(command("hundred_vms", "exit=3"), &["A machine has ended by itself"]);
}

#[test]
fn hundred_vms_names_the_limit_when_it_may_not_open_so_many_files() {
    if !built_programs_or_skip() {
        return;
    }
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""]).arg(example("hundred_vms")).arg(test_guest()).arg("");
    fails(limited, &["cannot be started", "this process may have 200 open files (RLIMIT_NOFILE)"]);
}

#[test]
fn code_runner_gives_a_function_its_input_and_has_its_result_when_the_machine_is_gone() {
    if !built_programs_or_skip() {
        return;
    }
    // More than the credit of a connection, so that it goes through the function and not into a buffer.
    let input = pattern(0, 1024, 1);
    let mut crc = Crc::new();
    crc.update(&input);
    let mut runner = command("code_runner", "crc32=52 poweroff");
    let mut runner = runner.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    runner.stdin.take().unwrap().write_all(&input).unwrap();
    let said = printed(&runner.wait_with_output().unwrap());
    assert_eq!(said, format!("{:08x} {}\n", crc.sum(), input.len()));
}

#[test]
fn code_runner_waits_for_no_guest_that_crashes_or_never_calls() {
    if !built_programs_or_skip() {
        return;
    }
    fails(command("code_runner", "exit=3"), &["has not switched itself off: DebugExit { status: 3 }"]);
    fails(command("code_runner", "poweroff"), &["The guest has not answered"]);
    let mut wrong_port = command("code_runner", "crc32=53 poweroff");
    wrong_port.stdin(File::open("/dev/null").unwrap());
    fails(wrong_port, &["The guest has not answered"]);
}
