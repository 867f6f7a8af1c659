//! Who may open a device file.

use super::acl;
use super::host::Host;
use rustix::fs::FileType;
use rustix::process::geteuid;

/// Bits of a mode: the group may read and write.
const GROUP_READ_WRITE: u32 = 0o060;

/// The owners and rights of a device file.
#[derive(Debug)]
pub(super) struct Access {
    /// For people: `root:kvm crw-rw----, by its ACL also user ann (rw)`.
    pub(super) text: String,
    /// The group that may open it, unless it is root's.
    pub(super) group: Option<String>,
    /// It is a character device.
    pub(super) is_device: bool,
}

impl Access {
    /// Of the file at `path` below the host's root; `None`: there is none to be seen.
    pub(super) fn of(host: &Host, path: &str) -> Option<Self> {
        let stat = host.stat(path).ok()?;
        let named = acl::named(host, &host.path(path));
        let mut text = format!("{}:{} {}", host.user(stat.st_uid), host.group(stat.st_gid), letters(stat.st_mode));
        if !named.is_empty() {
            text.push_str(", by its ACL also ");
            text.push_str(&named);
        }
        let opens = stat.st_gid != 0 && stat.st_mode & GROUP_READ_WRITE == GROUP_READ_WRITE;
        Some(Self {
            text,
            group: opens.then(|| host.group(stat.st_gid)),
            is_device: FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice,
        })
    }

    /// How this user comes to be let in.
    pub(super) fn remedy(&self, host: &Host, path: &str) -> String {
        let user = this_user(host);
        match &self.group {
            Some(group) => format!("Add the user to the group: sudo usermod -aG {group} {user}; then log in again"),
            None => format!("Give the user access: sudo setfacl -m u:{user}:rw /{path}"),
        }
    }
}

/// The name of the user that this process runs as.
pub(super) fn this_user(host: &Host) -> String {
    host.user(geteuid().as_raw())
}

/// As `ls -l` writes a mode.
fn letters(mode: u32) -> String {
    let sort = match FileType::from_raw_mode(mode) {
        FileType::CharacterDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        _ => '-',
    };
    let rights = (0..9).rev().zip("rwx".chars().cycle());
    std::iter::once(sort).chain(rights.map(|(bit, letter)| if mode >> bit & 1 == 1 { letter } else { '-' })).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::host::fake;
    use super::*;
    use rustix::fs::stat;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn owners_and_rights_are_told_by_name() {
        let (root, host) = fake::host(&[("dev/kvm", "")]);
        let path = root.path().join("dev/kvm");
        set_permissions(&path, Permissions::from_mode(0o660)).unwrap();
        let owner = stat(&path).unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/passwd"), format!("ann:x:{}:0::/:\n", owner.st_uid)).unwrap();
        std::fs::write(root.path().join("etc/group"), format!("kvm:x:{}:\n", owner.st_gid)).unwrap();
        let access = Access::of(&host, "dev/kvm").unwrap();
        assert_eq!((access.text.as_str(), access.is_device), ("ann:kvm -rw-rw----", false));
        assert_eq!(access.group.is_some(), owner.st_gid != 0, "nobody is to join root's group");
        set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let access = Access::of(&host, "dev/kvm").unwrap();
        assert_eq!(access.remedy(&host, "dev/kvm"), "Give the user access: sudo setfacl -m u:ann:rw /dev/kvm");
        assert!(Access::of(&host, "dev/vhost-net").is_none());
    }

    #[test]
    fn a_group_that_may_open_it_is_the_way_in() {
        let (_root, host) = fake::host(&[]);
        let access = Access { text: String::new(), group: Some("kvm".into()), is_device: true };
        let user = this_user(&host);
        let expected = format!("Add the user to the group: sudo usermod -aG kvm {user}; then log in again");
        assert_eq!(access.remedy(&host, "dev/kvm"), expected);
    }

    #[test]
    fn modes_are_written_as_ls_does() {
        assert_eq!(letters(0o020_660), "crw-rw----");
        assert_eq!(letters(0o100_751), "-rwxr-x--x");
    }
}
