//! Takes the ELF kernel out of a bzImage (Linux's Documentation/arch/x86/boot.rst, protocol 2.08 and later).

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Offsets of fields in the set-up header.
const SETUP_SECTS: usize = 0x1f1;
const MAGIC: usize = 0x202;
const VERSION: usize = 0x206;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// Unpacks the payload of `bzimage` to `elf`.
pub(super) fn extract_elf(bzimage: &Path, elf: &Path) -> Result<()> {
    let image = fs::read(bzimage).with_context(|| format!("Cannot read {}", bzimage.display()))?;
    let payload = payload(&image).with_context(|| format!("Cannot take {} apart", bzimage.display()))?;
    let packed = elf.with_extension("packed");
    fs::write(&packed, payload.compressed).with_context(|| format!("Cannot write {}", packed.display()))?;
    let output = File::create(elf).with_context(|| format!("Cannot make {}", elf.display()))?;
    let program = payload.program;
    let status = Command::new(program)
        .args(["-d", "-c"])
        .arg(&packed)
        .stdout(output)
        .status()
        .with_context(|| format!("Cannot run {program}: apt-get install xz-utils zstd lz4"))?;
    ensure!(status.success(), "{program} cannot unpack the kernel ({status})");
    fs::remove_file(&packed).context("Cannot remove the packed kernel")?;
    let unpacked = fs::metadata(elf).context("Cannot look at the unpacked kernel")?.len();
    ensure!(unpacked == u64::from(payload.size), "The kernel has {unpacked} bytes, not {}", payload.size);
    Ok(())
}

#[derive(Debug)]
struct Payload<'a> {
    /// The program that unpacks it.
    program: &'static str,
    compressed: &'a [u8],
    /// Its size when unpacked.
    size: u32,
}

fn payload(image: &[u8]) -> Result<Payload<'_>> {
    let word = |at: usize| -> Result<u32> {
        let bytes = image.get(at..at + 4).context("The file is too short")?;
        Ok(u32::from_le_bytes(bytes.try_into()?))
    };
    ensure!(image.get(MAGIC..MAGIC + 4) == Some(b"HdrS"), "This is no bzImage");
    ensure!(word(VERSION)? & 0xffff >= 0x208, "The boot protocol is older than 2.08");
    let sectors = match image[SETUP_SECTS] {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let begin = (sectors + 1) * 512 + usize::try_from(word(PAYLOAD_OFFSET)?)?;
    let end = begin + usize::try_from(word(PAYLOAD_LENGTH)?)?;
    let payload = image.get(begin..end).context("The payload is cut off")?;
    // The kernel's build appends the unpacked size; gzip's own format ends with it.
    let (compressed, size) = payload.split_last_chunk::<4>().context("The payload is empty")?;
    let size = u32::from_le_bytes(*size);
    let (program, compressed) = match payload {
        [0x1f, 0x8b, ..] => ("gzip", payload),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => ("xz", compressed),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", compressed),
        [0x02, 0x21, 0x4c, 0x18, ..] => ("lz4", compressed),
        _ => bail!("The payload is compressed in an unknown way"),
    };
    Ok(Payload { program, compressed, size })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn image(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 0x400];
        image[SETUP_SECTS] = 1;
        image[MAGIC..MAGIC + 4].copy_from_slice(b"HdrS");
        image[VERSION..VERSION + 2].copy_from_slice(&0x20f_u16.to_le_bytes());
        image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&16_u32.to_le_bytes());
        let length = u32::try_from(payload.len()).unwrap();
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&length.to_le_bytes());
        image.extend([0; 16]);
        image.extend(payload);
        image
    }

    #[test]
    fn the_payload_is_found_with_its_unpacked_size() {
        let image = image(b"\x28\xb5\x2f\xfdabc\x07\x00\x00\x00");
        let payload = payload(&image).unwrap();
        assert_eq!(payload.program, "zstd");
        assert_eq!(payload.compressed, b"\x28\xb5\x2f\xfdabc");
        assert_eq!(payload.size, 7);
    }

    #[test]
    fn what_is_no_bzimage_is_refused() {
        assert!(payload(&[0; 0x1000]).is_err());
        assert!(payload(b"short").is_err());
        let whole = image(b"\x28\xb5\x2f\xfdabc\x07\x00\x00\x00");
        assert!(payload(&whole[..whole.len() - 1]).is_err());
    }
}
