//! POSIX access control lists, as the kernel hands them out (acl(5); linux/posix_acl_xattr.h).

use super::host::Host;
use rustix::fs::getxattr;
use std::path::Path;

/// The extended attribute that holds the list.
const ATTRIBUTE: &str = "system.posix_acl_access";
/// The version of its form that there is.
const VERSION: u32 = 2;
const ENTRY_BYTES: usize = 8;

const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;

const READ: u16 = 4;
const WRITE: u16 = 2;

/// The users and groups whom a file's list names, with what they may do, as `user ann (rw), group kvm (r-)`; empty
/// when there is no list, or it names nobody.
pub(super) fn named(host: &Host, path: &Path) -> String {
    // Longer lists than this have been seen on no device; they read as none.
    let mut bytes = [0; 1024];
    match getxattr(path, ATTRIBUTE, &mut bytes[..]) {
        Ok(length) => render(host, bytes.get(..length).unwrap_or_default()),
        Err(_) => String::new(),
    }
}

fn render(host: &Host, bytes: &[u8]) -> String {
    let Some((version, entries)) = bytes.split_first_chunk::<4>() else { return String::new() };
    if u32::from_le_bytes(*version) != VERSION {
        return String::new();
    }
    let entries: Vec<(u16, u16, u32)> = entries.chunks_exact(ENTRY_BYTES).filter_map(entry).collect();
    // The mask limits what the named ones may do.
    let mask = entries.iter().find(|(tag, ..)| *tag == MASK).map_or(u16::MAX, |(_, allowed, _)| *allowed);
    let named = entries.iter().filter_map(|&(tag, allowed, id)| {
        let who = match tag {
            USER => format!("user {}", host.user(id)),
            GROUP => format!("group {}", host.group(id)),
            _ => return None,
        };
        let may = |bit, letter| if allowed & mask & bit != 0 { letter } else { '-' };
        Some(format!("{who} ({}{})", may(READ, 'r'), may(WRITE, 'w')))
    });
    named.collect::<Vec<_>>().join(", ")
}

/// Tag, permissions and id of one entry.
fn entry(bytes: &[u8]) -> Option<(u16, u16, u32)> {
    let (tag, rest) = bytes.split_first_chunk::<2>()?;
    let (allowed, rest) = rest.split_first_chunk::<2>()?;
    let (id, _) = rest.split_first_chunk::<4>()?;
    Some((u16::from_le_bytes(*tag), u16::from_le_bytes(*allowed), u32::from_le_bytes(*id)))
}

#[cfg(test)]
mod tests {
    use super::super::host::fake;
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, allowed, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(allowed.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn named_users_and_groups_are_told_with_what_the_mask_leaves_them() {
        let (_root, host) = fake::host(&[("etc/passwd", "ann:x:1000:1000::/:\n"), ("etc/group", "virt:x:64:\n")]);
        let owners = [(0x01, 6, u32::MAX), (0x04, 6, u32::MAX), (0x20, 0, u32::MAX)];
        let entries = [&owners[..], &[(USER, 6, 1000), (GROUP, 6, 64), (USER, 4, 7)]].concat();
        assert_eq!(render(&host, &list(&entries)), "user ann (rw), group virt (rw), user 7 (r-)");
        let masked = [&entries[..], &[(MASK, 4, u32::MAX)]].concat();
        assert_eq!(render(&host, &list(&masked)), "user ann (r-), group virt (r-), user 7 (r-)");
        assert_eq!(render(&host, &list(&owners)), "");
    }

    #[test]
    fn what_is_no_list_names_nobody() {
        let (_root, host) = fake::host(&[]);
        let whole = list(&[(USER, 6, 1000), (USER, 6, 1001)]);
        for length in 0..whole.len() {
            let complete = length.saturating_sub(4) / ENTRY_BYTES;
            assert_eq!(render(&host, &whole[..length]).matches("user").count(), complete, "{length}");
        }
        assert_eq!(render(&host, &[&[3, 0, 0, 0], &whole[4..]].concat()), "");
    }
}
