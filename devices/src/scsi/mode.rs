//! Mode pages: MODE SENSE and MODE SELECT in both forms (SPC-4 6.13, 7.5; SBC-3 6.5; MMC-6 7).

use super::Sense;
use super::inquiry::UnitKind;

/// Which values MODE SENSE asks for.
const CHANGEABLE: u8 = 1;
const SAVED: u8 = 3;
/// All pages, and all subpages.
const ALL: u8 = 0x3f;
const ALL_SUBPAGES: u8 = 0xff;

/// Read-write error recovery, caching, control, and what a CD-ROM drive can do.
const RECOVERY: u8 = 0x01;
const CACHING: u8 = 0x08;
const CONTROL: u8 = 0x0a;
const CAPABILITIES: u8 = 0x2a;

/// In the caching page: the write cache is on.
const WRITE_CACHE: u8 = 1 << 2;
/// In the device-specific byte of a disk: it is write-protected; writes may be forced to the medium.
const WRITE_PROTECT: u8 = 0x80;
const FORCED_WRITES: u8 = 0x10;
/// Bytes of a block descriptor.
const BLOCK_DESCRIPTOR: usize = 8;

/// What the pages are about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Modes {
    pub(super) kind: UnitKind,
    pub(super) blocks: u64,
    pub(super) readonly: bool,
    pub(super) write_cache: bool,
    /// There is one, which can be switched.
    pub(super) cached: bool,
    /// A CD-ROM drive whose disc the guest keeps.
    pub(super) locked: bool,
}

/// What MODE SENSE asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    pub(super) page: u8,
    pub(super) subpage: u8,
    /// Current, changeable, default or saved.
    pub(super) values: u8,
    pub(super) descriptor: bool,
    pub(super) long: bool,
}

impl Modes {
    /// Header, block descriptor and pages.
    pub(super) fn sense(&self, query: Query) -> Result<Vec<u8>, Sense> {
        if query.values == SAVED {
            return Err(Sense::NOTHING_SAVED);
        }
        if query.subpage != 0 && query.subpage != ALL_SUBPAGES {
            return Err(Sense::BAD_FIELD);
        }
        let pages: Vec<Vec<u8>> = match query.page {
            ALL => self.codes().iter().filter_map(|code| self.page(*code, query.values)).collect(),
            code => vec![self.page(code, query.values).ok_or(Sense::BAD_FIELD)?],
        };
        let descriptor = if query.descriptor { self.descriptor() } else { Vec::new() };
        let specific = match self.kind {
            UnitKind::Disk => FORCED_WRITES | if self.readonly { WRITE_PROTECT } else { 0 },
            UnitKind::Cdrom => 0,
        };
        let body = [descriptor.clone(), pages.concat()].concat();
        let header = if query.long { 8 } else { 4 };
        // The length does not count itself.
        let length = header + body.len() - if query.long { 2 } else { 1 };
        let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let descriptors = u8::try_from(descriptor.len()).unwrap_or(u8::MAX);
        let header = if query.long {
            vec![high, low, 0, specific, 0, 0, 0, descriptors]
        } else {
            vec![low, 0, specific, descriptors]
        };
        Ok([header, body].concat())
    }

    /// What MODE SELECT's list makes of the write cache; `None`: it says nothing of it. All else must stay as it is.
    pub(super) fn select(&self, list: &[u8], long: bool) -> Result<Option<bool>, Sense> {
        let header = if long { 8 } else { 4 };
        let (header, rest) = list.split_at_checked(header).ok_or(Sense::PARAMETER_LIST_LENGTH)?;
        let descriptors = header.last().copied().unwrap_or_default();
        let mut pages = rest.get(usize::from(descriptors)..).ok_or(Sense::PARAMETER_LIST_LENGTH)?;
        let mut cache = None;
        while let [code, length, ..] = pages {
            let (page, next) = pages.split_at_checked(2 + usize::from(*length)).ok_or(Sense::PARAMETER_LIST_LENGTH)?;
            let current = self.page(code & ALL, 0).ok_or(Sense::BAD_PARAMETER)?;
            let changeable = self.page(code & ALL, CHANGEABLE).ok_or(Sense::BAD_PARAMETER)?;
            let allowed = page.len() == current.len()
                && page
                    .iter()
                    .zip(&current)
                    .zip(&changeable)
                    .skip(2)
                    .all(|((new, old), mask)| (new ^ old) & !mask == 0);
            if !allowed {
                return Err(Sense::BAD_PARAMETER);
            }
            if code & ALL == CACHING {
                cache = page.get(2).map(|bits| bits & WRITE_CACHE != 0);
            }
            pages = next;
        }
        if pages.is_empty() { Ok(cache) } else { Err(Sense::PARAMETER_LIST_LENGTH) }
    }

    fn codes(&self) -> &'static [u8] {
        match self.kind {
            UnitKind::Disk => &[RECOVERY, CACHING, CONTROL],
            UnitKind::Cdrom => &[RECOVERY, CAPABILITIES],
        }
    }

    /// A page; its changeable bits only where those are asked for.
    fn page(&self, code: u8, values: u8) -> Option<Vec<u8>> {
        if !self.codes().contains(&code) {
            return None;
        }
        let changeable = values == CHANGEABLE;
        let cache = if changeable && self.cached || !changeable && self.write_cache { WRITE_CACHE } else { 0 };
        let mut page = match code {
            RECOVERY => vec![0; 10],
            // A changed queue algorithm is allowed; nothing else to tell.
            CONTROL => vec![0, if changeable { 0 } else { 0x10 }, 0, 0, 0, 0, 0, 0, 0, 0],
            CACHING => [vec![cache], vec![0; 17]].concat(),
            _ if changeable => vec![0; 18],
            _ => self.capabilities(),
        };
        let length = u8::try_from(page.len()).unwrap_or(u8::MAX);
        page.splice(0..0, [code, length]);
        Some(page)
    }

    /// MMC-6 annex: reads CD-R and DVD, tray, can be locked; speeds of an ordinary drive, in kB/s.
    fn capabilities(&self) -> Vec<u8> {
        const SPEED: [u8; 2] = 5632u16.to_be_bytes(); // 32 times that of audio
        let [fast, slow] = SPEED;
        let locked = if self.locked { 0x02 } else { 0x00 };
        // Lock, tray, eject by command; bit 1 is the lock's state.
        let mechanism = 0x20 | 0x08 | 0x01 | locked;
        vec![0x3b, 0, 0x70, 0, mechanism, 0, fast, slow, 0, 2, 0x02, 0, fast, slow, 0, 0, 0, 0]
    }

    fn descriptor(&self) -> Vec<u8> {
        let blocks = u32::try_from(self.blocks).unwrap_or(u32::MAX).min(0xff_ffff);
        let [_, a, b, c] = blocks.to_be_bytes();
        let [_, d, e, f] = self.kind.block_size().to_be_bytes();
        let descriptor = vec![0, a, b, c, 0, d, e, f];
        debug_assert_eq!(descriptor.len(), BLOCK_DESCRIPTOR);
        descriptor
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DISK: Modes =
        Modes { kind: UnitKind::Disk, blocks: 16, readonly: false, write_cache: true, cached: true, locked: false };

    fn query(page: u8, values: u8, long: bool) -> Query {
        Query { page, subpage: 0, values, descriptor: true, long }
    }

    #[test]
    fn both_forms_have_header_descriptor_and_the_caching_page() {
        let short = DISK.sense(query(CACHING, 0, false)).unwrap();
        assert_eq!(short[..4], [4 + 8 + 20 - 1, 0, 0x10, 8]);
        assert_eq!(short[4..12], [0, 0, 0, 16, 0, 0, 2, 0]);
        assert_eq!(short[12..15], [8, 18, 4]);
        let long = Modes { readonly: true, write_cache: false, ..DISK }.sense(query(CACHING, 0, true)).unwrap();
        assert_eq!(long[..8], [0, 8 + 8 + 20 - 2, 0, 0x90, 0, 0, 0, 8]);
        assert_eq!(long[16..19], [8, 18, 0]);
    }

    #[test]
    fn all_pages_come_in_the_order_of_their_codes() {
        for kind in [UnitKind::Disk, UnitKind::Cdrom] {
            let modes = Modes { kind, ..DISK };
            let all = modes.sense(Query { descriptor: false, ..query(ALL, 0, true) }).unwrap();
            let single = modes.codes().iter().flat_map(|code| modes.page(*code, 0).unwrap()).collect::<Vec<_>>();
            assert_eq!(all[8..], single);
        }
        assert_eq!(DISK.sense(query(CAPABILITIES, 0, true)), Err(Sense::BAD_FIELD));
        assert_eq!(DISK.sense(query(CACHING, SAVED, true)), Err(Sense::NOTHING_SAVED));
        assert_eq!(DISK.sense(Query { subpage: 1, ..query(CACHING, 0, true) }), Err(Sense::BAD_FIELD));
    }

    #[test]
    fn the_write_cache_can_be_switched_and_nothing_else() {
        let mut page = DISK.page(CACHING, 0).unwrap();
        page[2] = 0;
        let list = |page: &[u8]| [&[0; 4], page].concat();
        assert_eq!(DISK.select(&list(&page), false), Ok(Some(false)));
        assert_eq!(DISK.select(&list(&[]), false), Ok(None));
        assert_eq!(DISK.select(&list(&DISK.page(CONTROL, 0).unwrap()), false), Ok(None));
        let uncached = Modes { write_cache: false, cached: false, ..DISK };
        assert_eq!(uncached.select(&list(&page), false), Ok(Some(false)));
        page[2] = WRITE_CACHE;
        assert_eq!(uncached.select(&list(&page), false), Err(Sense::BAD_PARAMETER));
        page[4] = 1;
        assert_eq!(DISK.select(&list(&page), false), Err(Sense::BAD_PARAMETER));
        assert_eq!(DISK.select(&list(&page[..10]), false), Err(Sense::PARAMETER_LIST_LENGTH));
        assert_eq!(DISK.select(&list(&[0x2a, 0]), false), Err(Sense::BAD_PARAMETER));
        assert_eq!(DISK.select(&[0; 3], false), Err(Sense::PARAMETER_LIST_LENGTH));
        assert_eq!(DISK.select(&[0, 0, 0, 8], false), Err(Sense::PARAMETER_LIST_LENGTH));
        assert_eq!(DISK.select(&[0, 0, 0, 0, 8], false), Err(Sense::PARAMETER_LIST_LENGTH));
    }
}
