//! Block sizes of disks.

use super::disks::target;
use crate::admission::{Causes, Path};
use crate::api::vmi::Disk;

/// The smallest and the largest block.
const SIZES: std::ops::RangeInclusive<u64> = 512..=2_097_152;

/// Sizes are powers of two in range, and fit each other.
pub(super) fn validate(field: &Path, disk: &Disk, causes: &mut Causes) {
    let Some(size) = &disk.block_size else { return };
    let Some(custom) = &size.custom else { return };
    if super::firmware::is_on(&size.match_volume) {
        return causes.invalid(field, "Block size matching can't be enabled together with a custom value");
    }
    let (logical, physical) = (custom.logical.unwrap_or(0), custom.physical.unwrap_or(0));
    let field = field.at("custom");
    let discard = custom.discard_granularity.filter(|discard| logical != 0 && !discard.is_multiple_of(logical));
    if logical > physical {
        let message = format!("Logical size {logical} must be the same or less than the physical size of {physical}");
        causes.invalid(field.at("logical"), message);
    } else if target(disk).1 == "sata" && logical != *SIZES.start() {
        let message = format!("Logical size {logical} must be {} for SATA devices", SIZES.start());
        causes.invalid(field.at("logical"), message);
    } else if let Some(discard) = discard {
        let message = format!("Discard granularity {discard} must be multiples of logical size {logical}");
        causes.invalid(field.at("discardGranularity"), message);
    } else {
        one_size(&field.at("logical"), logical, causes);
        one_size(&field.at("physical"), physical, causes);
    }
}

fn one_size(field: &Path, size: u64, causes: &mut Causes) {
    let message = if size < *SIZES.start() {
        format!("Provided size of {size} is less than the supported minimum size of {}", SIZES.start())
    } else if size > *SIZES.end() {
        format!("Provided size of {size} is greater than the supported maximum size of {}", SIZES.end())
    } else if !size.is_power_of_two() {
        format!("Provided size of {size} is not a power of 2")
    } else {
        return;
    };
    causes.invalid(field, message);
}
