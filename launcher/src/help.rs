//! The long help texts.

pub(crate) const LAUNCHER: &str = "\
Podvisor's launcher runs one virtual machine: this process is the virtual machine monitor. It needs \
read and write access to /dev/kvm and no other privilege.";

pub(crate) const LAUNCHER_AFTER: &str = "\
Environment:
  PODVISOR_LOG       what is logged to standard error: error, warn (default), info, debug, trace,
                     or by part, for example \"warn,vmm::vcpu=debug\"
  PODVISOR_START_NS  CLOCK_MONOTONIC in nanoseconds, read by the parent just before it started this
                     process: the boot report then counts from there

'launcher run --help' has the examples; 'launcher doctor' says what this host lacks;
'launcher validate' checks KubeVirt manifests.";

pub(crate) const DOCTOR: &str = "\
Say what this host offers to machines, one line for each item: ok, warning (it is there, with limits) \
or lacking. Below it stands what that means (so:) and what can be done about it (do:). Nothing is \
changed, and no machine is started.";

pub(crate) const DOCTOR_AFTER: &str = "\
The JSON object has \"version\" (1), \"can_run\", and \"items\" by the names of the lines; each item has
\"status\" (\"ok\", \"warning\", \"lacking\"), \"required\" (no machine runs without it), \"value\" (what was
found, for programs), \"found\", \"means\" and \"remedy\" (for people; null where there is nothing to
say). Names stay from version to version.

Examples:
  What does this host lack?
    launcher doctor | grep -A2 lacking

  Does Linux run natively here?
    launcher doctor --json | jq -r .items.virtualization.value    (vmx or svm: yes; pvm: no)

Exit status:
  0  a machine can run here
  1  none can, or the command line is wrong";

pub(crate) const VALIDATE: &str = "\
Say what KubeVirt's API server would answer to manifests, without a cluster: whether each object would be \
created, every error with its file, line and column, and the warnings. The rules, their order and their \
messages are KubeVirt's.";

pub(crate) const VALIDATE_AFTER: &str = "\
All files of one call are looked at together, in any order:
  VirtualMachineInstancetype, VirtualMachineClusterInstancetype and the preferences
                                  are what VirtualMachines name; the bundled ones (u1.medium,
                                  fedora, ...) are always there
  VirtualMachineInstancePreset    is applied to the instances of its namespace that it selects
  KubeVirt                        its spec.configuration is the cluster's: feature gates, default
                                  network, machine type; without it all is KubeVirt's default
  Secret, ConfigMap               are looked for where a machine refers to them
Objects of other kinds are not looked at, which a note says. Lists (kubectl get -o yaml) are read.

Text is one line for each finding, FILE:LINE:COLUMN: and then
  error        why the object is refused, and the field where the message does not name it
  warning      what KubeVirt tells the client of an object that it allows
  unsupported  what Podvisor cannot do yet, and what to do about it; the object is allowed all the same
  note         what else is to be known: what was not looked at, what only the cluster can tell

JSON (--output json) is an array with one result for each object: \"file\", \"line\", \"kind\", \"name\",
\"allowed\", \"code\" (the HTTP status of a refusal), \"causes\" (each with \"reason\", \"message\", \"field\";
at most 10, as KubeVirt tells them; a key without a value is left out), \"warnings\", \"notes\", and
\"unsupported\" (each with \"field\", \"message\", \"remedy\").

YAML is read as kubectl reads it: yes and on are true, 010 is 8, aliases and << are followed. A key that
is given twice is an error. A document may have 3 MiB when its aliases are written out, as for an API
server, and a file 16 MiB and 100000 documents.

Examples:
  A machine:
    launcher validate vm.yaml

  With the instance type that it names and the cluster's configuration:
    launcher validate vm.yaml instancetype.yaml kubevirt.yaml

  What would not run on Podvisor, in a script:
    launcher validate --strict --output json vm.yaml | jq '.[].unsupported'

  What stands in a cluster:
    kubectl get vm,vmi --output yaml | launcher validate -

Exit status:
  0  every object is allowed
  1  one is refused; or, with --strict, asks for what Podvisor cannot do; or the command line is wrong
  2  a file or a document cannot be read; the others are answered";

pub(crate) const DEFAULTS: &str = "\
Print the objects of a manifest as KubeVirt's API server would store them: with their defaults, and with \
what presets in the same file give to instances. Objects of other kinds are printed as they are.";

pub(crate) const DEFAULTS_AFTER: &str = "\
What KubeVirt draws by lot (the firmware's UUID and serial of a machine that has none) is random here too.
A KubeVirt object, preferences and presets in the file are used as 'launcher validate' uses them. What is
refused is told on standard error, and printed all the same if its defaults could be set.

Examples:
  What does this machine get by itself?
    launcher defaults vmi.yaml | diff vmi.yaml -

  Which machine type?
    launcher defaults --output json vm.yaml | jq -r .spec.template.spec.domain.machine.type

Exit status:
  0  every object is allowed
  1  one is refused, or the command line is wrong
  2  the file or a document cannot be read; the others are printed";

pub(crate) const RUN: &str = "\
Run a virtual machine until it ends. The machine is described by flags, by a configuration file, or \
by both: flags override the file, and each --disk and --net is added to the file's.";

pub(crate) const RUN_AFTER: &str = "\
Examples:
  A kernel and its initial RAM disk, with the console on this terminal:
    launcher run --kernel vmlinux --initrd initrd.img --cmdline 'console=ttyS0'

  Two vCPUs, 1 GiB, a root disk and a read-only one that the guest finds by its serial:
    launcher run --kernel bzImage --cmdline 'root=/dev/vda1' --cpus 2 --memory 1Gi \\
        --disk path=root.img --disk path=seed.iso,readonly,serial=seed

  On a network, at which the guest keeps its address:
    launcher run --config vm.json --net tap=tap0,mac=02:00:00:12:34:56

  A disk image that has a boot loader, by the host's UEFI firmware:
    launcher run --firmware uefi --memory 2Gi --disk path=debian.raw

  In the background, with the console on a socket (then: socat -,raw,echo=0 UNIX:/run/vm.sock):
    launcher run --config vm.json --console socket=/run/vm.sock

  How long the start took, as one line of JSON:
    launcher run --config vm.json --console off --on-reboot exit --boot-report json

A configuration file:
  {
    \"version\": 1,
    \"vm\": {
      \"version\": 1,
      \"cpus\": {\"boot\": 2, \"topology\": {\"sockets\": 1, \"cores\": 2, \"threads\": 1}},
      \"memory\": {\"boot\": 1073741824},
      \"payload\": {\"kind\": \"kernel\", \"cmdline\": \"console=ttyS0 root=/dev/vda1\"},
      \"disks\": [{\"id\": \"root\", \"serial\": \"root\"}],
      \"nets\": [{\"id\": \"lan\", \"mac\": \"02:00:00:12:34:56\"}]
    },
    \"resources\": {
      \"kernel\": {\"path\": \"/boot/vmlinuz\"},
      \"root\": {\"path\": \"/srv/root.img\"},
      \"lan\": {\"tap\": \"tap0\"},
      \"serial0\": \"stdio\"
    }
  }

  'vm' is the machine as its guest sees it; 'resources' says for each device id where it comes from
  on this host: {\"path\": FILE}, {\"fd\": NUMBER} (a descriptor that this process inherited), for a
  network {\"tap\": NAME} or {\"fds\": [NUMBER, ...]}, for a firmware's variables {\"variables\": {\"path\": FILE, \"template\": FILE}},
  for a network's vhost-net (\"vhost:ID\", optional) {\"path\": \"/dev/vhost-net\"} or {\"fds\": [NUMBER, ...]},
  for a socket device and for a port of the console (\"port:NAME\") {\"socket\": PATH}, and for the console \"stdio\", \"pty\", {\"socket\": PATH} or \"off\".

  A kernel without headers of its own has \"entry\": {\"raw\": {\"load\": ADDRESS, \"entry\": ADDRESS}} in its payload: where
  all of the file goes in guest memory, and where its 64-bit Linux entry is.

Exit status:
  0  the guest powered off, or the machine was stopped by Ctrl-], SIGINT, SIGTERM, SIGHUP or SIGQUIT,
     before or after the grace period; a line on standard error says which
  1  the configuration is wrong, or this host cannot run the machine; one line says why
  2  the guest crashed, or ended itself with a failure status on the debug-exit port

Ending it from outside:
  Ctrl-], SIGINT, SIGTERM, SIGHUP and SIGQUIT press the guest's power button, and press it again every
  5 seconds; a guest that has not powered off after --grace seconds is stopped as if its plug were
  pulled. Ctrl-] once more stops the machine at once. A second signal ends this process at once, without
  waiting for the machine's threads: the status is then 128 + its number.";

pub(crate) const FIRMWARE: &str = "\
Start the machine by firmware, which finds a boot loader on its disks and networks, in their order. Not on \
a host whose KVM is PVM, nor on the microvm board.

uefi[:CODE[,VARS]]  UEFI. Without CODE it is found by the descriptors in /etc/qemu/firmware and
                    /usr/share/qemu/firmware (Debian: package ovmf). VARS is the machine's own
                    variable store: it is made when it is not there, and every change is saved in it.
                    Without VARS, variables survive reboots, but not the end of the machine.
bios[:FILE]         A PC BIOS: SeaBIOS (Debian: package seabios).

When it finds nothing to start, its message is on the console, a line on standard error says so, and the \
machine runs on.

Examples: --firmware uefi    --firmware uefi:,/var/lib/vm/vars.fd    --firmware bios";

pub(crate) const FW_CFG: &str = "\
Give the firmware, and what it starts, a text by the name opt/NAME; may be given several times. Linux shows \
it as /sys/firmware/qemu_fw_cfg/by_name/opt/NAME/raw (module qemu_fw_cfg). Only with --firmware.

Example: --fw-cfg opt/org.example/role=database";

pub(crate) const SMBIOS: &str = "\
What the machine calls itself: uuid, manufacturer, product, version, serial, sku, family, asset. Texts are 1 to \
64 printable ASCII characters. The guest finds them in its SMBIOS tables (Linux: dmidecode, \
/sys/class/dmi/id).

Example: --smbios uuid=5d307ca9-b3ef-428c-8861-06e72d69f223,serial=0042";

pub(crate) const CPUS: &str = "\
How many vCPUs there are at the start (1 to 255, fewer where cores or threads are no powers of two), \
and how the guest sees them arranged.

max is how many there may be later (hotplug), less those whose APIC ids would be beyond 254; sockets x cores x threads must give max, or else the \
number. What is left out is one core per socket and one thread per core, and as many sockets as needed.

Examples: --cpus 2    --cpus 6,sockets=2,cores=3    --cpus 2,max=8,cores=2,threads=2

[default: 1]";

pub(crate) const MEMORY: &str = "\
Guest RAM, written as Kubernetes writes quantities: bytes, or a number with Ki, Mi, Gi, Ti (powers of \
1024) or k, M, G, T (powers of 1000). At least 16Mi, and a multiple of 4096 bytes.

hugepages: the RAM is made of huge pages that the host has reserved; all are taken at the start. shared: \
other processes can map it. thp: whether the kernel may use huge pages that are not reserved [default: auto, \
which is the host's choice].

[default: 512Mi]";

pub(crate) const PIN: &str = "\
Keep threads on CPUs of the host; may be given several times. Before the = stands the number of a vCPU, \
or others for all threads that are no vCPU's (disks, networks, console); behind it the host's CPUs as the kernel \
writes them, as in --pin 0=2 --pin 1=3 --pin others=0-1. What is not named runs where the launcher runs.";

pub(crate) const DISK: &str = "\
Add a disk from a raw file or a block device; may be given several times. The guest finds the disks of a \
bus in this order (Linux: /dev/vda, /dev/vdb, ...), after those of the configuration file.

bus: virtio (a virtio block device of its own, if nothing is said), sata (one of six ports; Linux: /dev/sda, \
/dev/sr0, ...) or scsi (a target of the machine's virtio SCSI device). kind: disk; cdrom (sata, scsi: a drive whose disc is the file, or an empty one \
without path=); lun (scsi: a disk that is asked for as a SCSI unit; it knows no reservations).

readonly: the guest cannot write, and the file is opened for reading only. serial: what the guest \
reads as the disk's serial, 1 to 20 ASCII characters (Linux: /dev/disk/by-id/virtio-SERIAL).

bootindex: when firmware tries to start from this disk: devices with a number come first, the least before \
all; then the other disks and networks in their order.

cache: what stands between the guest and the host's disk. writeback (the default): the host's page cache, which the guest \
flushes. none: nothing, where the file's filesystem can do that (O_DIRECT); the guest still flushes the host's devices. \
writethrough: each write survives a power failure before it completes.

on-error: what a request does that the host fails. report (the default): the guest is told. stop: the machine is paused, \
and the request is tried again when it goes on. enospace: stop when the host has no space left, else report. ignore: the \
guest is told of a success.

iops, bandwidth: so many requests, or bytes, a second, and after a slash how many may come at once (a tenth of that \
without). queues: 1 to 64 (one for each vCPU, but at most 4, without). blocksize: what the guest reads and writes in, 512 \
without. nodiscard: what the guest no longer needs is not freed in the file.

A disk that is written to can be used by one machine only; it is locked while the machine runs.

Examples: --disk path=root.img    --disk path=/dev/vg/data,serial=data    --disk path=cd.iso,bus=sata,kind=cdrom";

pub(crate) const NET: &str = "\
Add a virtio network device; may be given several times. The guest finds them in this order, after those \
of the configuration file.

tap=NAME: the TAP interface of this name, which exists already (ip tuntap add dev NAME mode tap user \
USER) and which nobody else uses. fd=N: a descriptor of one, which this process has inherited (IFF_TAP, \
IFF_NO_PI, IFF_VNET_HDR); then /dev/net/tun is not needed. fd=N:N...: descriptors of its queues (with \
IFF_MULTI_QUEUE), one for each.

queues: pairs of queues, 1 to 256, of which the guest uses as many as it has vCPUs (Linux: ethtool -l). The \
TAP must have been made with multi_queue for more than 1.

vhost: on: the host's kernel carries the frames itself (/dev/vhost-net), which costs less and counts none; auto: \
where it can; N or N:N...: by inherited descriptors of /dev/vhost-net, one for each queue. Without it, and with off, \
this process carries them. The guest sees no difference.

mac: the guest's address. Without it the address is random (02:...), and another one at each start, though \
not at a reboot: give one where the guest or the network remembers it. mtu: the largest packet that the \
guest is told to use, 68 to 65535 bytes; without it the guest chooses (Linux: 1500).

bootindex: as of disks. rom: the expansion ROM by which firmware without a driver for virtio networks starts \
from this one. Without it a PC BIOS gets iPXE's, where this host has it (Debian: package ipxe-qemu), and UEFI, \
which has a driver, none; off: none.

Examples: --net tap=tap0    --net tap=tap1,mac=02:00:00:12:34:56,mtu=9000    --net fd=3";

pub(crate) const VIRTIO_CONSOLE: &str = "\
Add a virtio console, which is faster than a serial port (Linux: console=hvc0), and say what it is connected to: as \
--console, which stays the serial port's. Both cannot be stdio; with --virtio-console stdio alone, the serial port is off.";

pub(crate) const PORT: &str = "\
Add a port to the virtio console, which programs of the guest find by its name (Linux: /dev/virtio-ports/NAME); may be \
given several times. NAME: 1 to 64 letters, digits, '-', '_' or '.'.

socket: a Unix socket, for its owner only, one client at a time; others wait. The guest is told whether somebody is \
connected. While somebody is, nothing is lost: the guest waits for a client that does not read.

Example: --port name=org.qemu.guest_agent.0,socket=/run/vm.agent";

pub(crate) const BALLOON: &str = "\
Add a virtio balloon, by which memory that the guest does without goes back to the host: what it reports as free, \
until it uses it again, and size bytes, which it is asked to do without until it has no other memory left. stats: \
the guest tells its memory statistics every so many seconds.

Examples: --balloon on    --balloon size=512Mi,stats=10";

pub(crate) const RNG: &str = "\
Limit what the guest gets of the entropy device, which every machine has: bytes a second in the long run, and burst \
bytes at once after a time of rest (without it, those of one second). What is more waits.

Example: --rng bytes=65536";

pub(crate) const VSOCK: &str = "\
Add a virtio socket device (Linux: AF_VSOCK), by which programs of the host and of the guest talk to each other \
without a network. cid: the guest's address, 3 to 4294967294; the host's is 2.

path: a Unix socket, for its owner only, by which the host reaches the guest: connect, write 'CONNECT PORT' and \
a newline, read 'OK NUMBER' and a newline; then the stream is the guest's. When the guest connects to port N of \
the host, it gets whoever listens on the Unix socket SOCKET_N.

Example: --vsock cid=3,path=/run/vm.vsock    (then, for the guest's port 22: socat - UNIX:/run/vm.vsock, and \
type CONNECT 22)";

pub(crate) const CONSOLE: &str = "\
What the guest's first serial port is connected to.

stdio        standard input and output. On a terminal, every key goes to the guest (also Ctrl-C), but
             Ctrl-], which presses the power button, as SIGINT does; twice stops the machine at once.
pty          a new pseudo-terminal; its name is printed to standard error.
socket=PATH  a Unix socket at PATH, for its owner only: one client at a time, who may leave and come
             back. The file is removed at the end; one left over by a dead process is replaced.
off          output is discarded, and there is no input.

While nobody is connected to a pty or socket, output is discarded.

[default: stdio]";

pub(crate) const ON_REBOOT: &str = "What a reboot of the guest does.\n\n[default: restart]";

pub(crate) const ON_TRIPLE_FAULT: &str =
    "What a triple fault of the guest does.\n\n[default: exit; with firmware: reset]";

pub(crate) const GRACE: &str = "\
How many seconds the guest has to power off when Ctrl-] or a signal asks for the machine's end: its power \
button is pressed, then every 5 seconds again, and after this time the machine is stopped. 0: the machine \
is stopped at once, and its guest is not asked.

[default: 30]";

pub(crate) const BOOT_REPORT: &str = "\
When the machine has ended, print the times of its first start to standard error: as text in \
milliseconds since the start of the process, or as one line of JSON in nanoseconds of CLOCK_MONOTONIC. \
With them, counted until the end: the exits of its vCPUs by their reasons (in JSON of each vCPU), the \
changes of its memory map, and how often a firmware's flash went between memory and commands.";
