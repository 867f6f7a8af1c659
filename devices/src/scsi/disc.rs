//! What a disc is said to be: one session with one data track, whatever is on it (MMC-6 6.5, 6.21, 6.25).

use super::Sense;

/// The only track, and the lead-out behind it.
const TRACK: u8 = 1;
const LEAD_OUT: u8 = 0xaa;
/// In a table of contents: the position is encoded, and the track has data.
const DATA_TRACK: u8 = 0x14;
/// Sectors of a second, and those before the first one of the disc.
const SECTORS_A_SECOND: u64 = 75;
const PREGAP: u64 = 150;
/// The most sectors that a CD has (80 minutes): what is larger is a DVD.
const MOST_OF_A_CD: u64 = 80 * 60 * SECTORS_A_SECOND;

/// Profiles (MMC-6 5.3.1).
const CD_ROM: u16 = 0x08;
const DVD_ROM: u16 = 0x10;

/// READ TOC/PMA/ATIP: the table of contents (format 0) or the last session (format 1).
pub(super) fn table_of_contents(sectors: u64, minutes: bool, format: u8, track: u8) -> Result<Vec<u8>, Sense> {
    let entry = |number: u8, sector: u64| {
        let [a, b, c, d] = address(sector, minutes);
        [0, DATA_TRACK, number, 0, a, b, c, d]
    };
    let entries = match format {
        0 if track <= TRACK => vec![entry(TRACK, 0), entry(LEAD_OUT, sectors)],
        0 if track == LEAD_OUT => vec![entry(LEAD_OUT, sectors)],
        1 => vec![entry(TRACK, 0)],
        _ => return Err(Sense::BAD_FIELD),
    };
    let body = [vec![TRACK, TRACK], entries.concat()].concat();
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    Ok([&length[..], &body].concat())
}

/// A position as a sector, or as minute, second and frame.
fn address(sector: u64, minutes: bool) -> [u8; 4] {
    if !minutes {
        return u32::try_from(sector).unwrap_or(u32::MAX).to_be_bytes();
    }
    let frames = sector + PREGAP;
    let part = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
    [0, part(frames / SECTORS_A_SECOND / 60), part(frames / SECTORS_A_SECOND % 60), part(frames % SECTORS_A_SECOND)]
}

/// GET CONFIGURATION: the features from `first` on; of a drive with a disc of `sectors`, or without one.
pub(super) fn configuration(sectors: Option<u64>, which: u8, first: u16) -> Result<Vec<u8>, Sense> {
    if which == 3 {
        return Err(Sense::BAD_FIELD);
    }
    let profile = sectors.map_or(0, |sectors| if sectors > MOST_OF_A_CD { DVD_ROM } else { CD_ROM });
    let mut features = Vec::new();
    for (code, current, body) in list(profile) {
        let wanted = match which {
            0 => code >= first,
            1 => code >= first && current,
            _ => code == first,
        };
        if wanted {
            features.extend_from_slice(&code.to_be_bytes());
            let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
            features.extend_from_slice(&[1 << 2 | 1 << 1 | u8::from(current), length]);
            features.extend_from_slice(&body);
        }
    }
    let length = u32::try_from(features.len() + 4).unwrap_or(u32::MAX).to_be_bytes();
    Ok([&length[..], &[0, 0], &profile.to_be_bytes(), &features].concat())
}

/// Each feature: its code, whether it is current, and its own data.
fn list(profile: u16) -> [(u16, bool, Vec<u8>); 6] {
    let present = profile != 0;
    let profiles = [DVD_ROM, CD_ROM].into_iter().flat_map(|known| {
        let [high, low] = known.to_be_bytes();
        [high, low, u8::from(known == profile), 0]
    });
    [
        (0x00, true, profiles.collect()),
        (0x01, true, vec![0, 0, 0, 2, 1, 0, 0, 0]),    // core, over ATAPI
        (0x03, true, vec![0x29, 0, 0, 0]),             // removable: tray, eject, lock
        (0x10, present, vec![0, 0, 8, 0, 0, 1, 0, 0]), // random access in sectors of 2048 bytes
        (0x1e, profile == CD_ROM, vec![0; 4]),
        (0x1f, profile == DVD_ROM, vec![0; 4]),
    ]
}

/// READ DISC INFORMATION: a finished disc with one session.
pub(super) fn information() -> Vec<u8> {
    let mut data = vec![0, 32, 0x0e, TRACK, 1, TRACK, TRACK, 0x20];
    data.resize(34, 0);
    data
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_contents_has_the_track_and_the_lead_out() {
        let table = table_of_contents(300, false, 0, 0).unwrap();
        assert_eq!(table, [0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 1, 44]);
        let minutes = table_of_contents(300, true, 0, 0xaa).unwrap();
        assert_eq!(minutes, [0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 6, 0]);
        assert_eq!(table_of_contents(300, true, 1, 0).unwrap(), [0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 2, 0]);
        assert_eq!(table_of_contents(300, false, 0, 2), Err(Sense::BAD_FIELD));
        assert_eq!(table_of_contents(300, false, 5, 0), Err(Sense::BAD_FIELD));
        assert_eq!(
            table_of_contents(u64::MAX >> 11, true, 0, 0).unwrap()[16..],
            [0, 255, address(u64::MAX >> 11, true)[2], address(u64::MAX >> 11, true)[3]]
        );
    }

    #[test]
    fn the_profile_follows_from_the_size() {
        let profile = |sectors| u16::from_be_bytes(configuration(sectors, 0, 0).unwrap()[6..8].try_into().unwrap());
        assert_eq!([profile(None), profile(Some(360_000)), profile(Some(360_001))], [0, CD_ROM, DVD_ROM]);
    }

    #[test]
    fn features_are_chosen_by_code_and_by_whether_they_are_current() {
        let codes = |which, first| {
            let data = configuration(None, which, first).unwrap();
            assert_eq!(u32::from_be_bytes(data[..4].try_into().unwrap()) as usize, data.len() - 4);
            let (mut rest, mut codes) = (&data[8..], Vec::new());
            while !rest.is_empty() {
                codes.push(u16::from_be_bytes([rest[0], rest[1]]));
                rest = &rest[4 + usize::from(rest[3])..];
            }
            codes
        };
        assert_eq!(codes(0, 0), [0, 1, 3, 0x10, 0x1e, 0x1f]);
        assert_eq!(codes(0, 3), [3, 0x10, 0x1e, 0x1f]);
        assert_eq!(codes(1, 0), [0, 1, 3]);
        assert_eq!(codes(2, 0x1e), [0x1e]);
        assert_eq!(codes(2, 2), Vec::<u16>::new());
        assert_eq!(configuration(None, 3, 0), Err(Sense::BAD_FIELD));
    }
}
