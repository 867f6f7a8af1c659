//! Memory: requests, limits, huge pages, the guest's share.

use super::resources::{limit, request};
use crate::admission::{Causes, Path};
use crate::api::kubernetes::{Quantity, QuantityError};
use crate::api::vmi::VirtualMachineInstanceSpec;
use crate::config::{ClusterConfig, FeatureGate};

const REQUEST: &str = "domain.resources.requests.memory";
const LIMIT: &str = "domain.resources.limits.memory";
const GUEST: &str = "domain.memory.guest";
const PAGE_SIZE: &str = "domain.memory.hugepages.pageSize";

/// Requests, limits, huge pages and the guest's share fit together.
pub(super) fn validate(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    request_is_possible(path, spec, causes);
    limit_is_possible(path, spec, causes);
    huge_pages(path, spec, causes);
    guest_fits_limit(path, spec, config, causes);
}

fn request_is_possible(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let (field, asked) = (path.at(REQUEST), request(spec, "memory"));
    let told = asked.canonical().text();
    if asked.value() < 0 {
        causes.invalid(&field, format!("{field} '{told}': must be greater than or equal to 0."));
    } else if asked.value() > 0 && asked.compare(&Quantity::from("1M")).is_lt() {
        causes.invalid(&field, format!("{field} '{told}': must be greater than or equal to 1M."));
    }
}

fn limit_is_possible(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let (field, most) = (path.at(LIMIT), limit(spec, "memory"));
    let told = most.canonical().text();
    if most.value() < 0 {
        causes.invalid(&field, format!("{field} '{told}': must be greater than or equal to 0."));
    }
    let asked = request(spec, "memory");
    if most.value() > 0 && asked.value() > most.value() {
        let requested = path.at(REQUEST);
        let message = format!("{requested} '{}' is greater than {field} '{told}'", asked.canonical().text());
        causes.invalid(&requested, message);
    }
}

fn huge_pages(path: &Path, spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let Some(memory) = &spec.domain.memory else { return };
    let Some(hugepages) = &memory.hugepages else { return };
    let (field, size) = (path.at(PAGE_SIZE), hugepages.page_size.as_deref().unwrap_or_default());
    let page = Quantity::from(size);
    if page.check().is_err() {
        return causes.invalid(&field, format!("{field} '{size}': {}", QuantityError::Format));
    }
    let page = page.value();
    let asked = request(spec, "memory");
    let guest = memory.guest.as_ref().map_or(0, Quantity::value);
    let amounts = [asked.value(), guest, limit(spec, "memory").value()];
    let amount = amounts.into_iter().find(|amount| *amount != 0).unwrap_or(0);
    let fault = if amount != 0 && amount < page {
        "must be equal to or larger than page size"
    } else if page != 0 && amount % page != 0 {
        "is not a multiple of the page size"
    } else {
        return;
    };
    let requested = path.at(REQUEST);
    causes.invalid(&requested, format!("{requested} '{}' {fault} {field} '{size}'", asked.canonical().text()));
}

fn guest_fits_limit(path: &Path, spec: &VirtualMachineInstanceSpec, config: &ClusterConfig, causes: &mut Causes) {
    let guest = spec.domain.memory.as_ref().and_then(|memory| memory.guest.as_ref());
    let Some(guest) = guest.filter(|_| !config.is_live_update()) else { return };
    let most = limit(spec, "memory");
    if most.value() != 0 && most.value() < guest.value() {
        let field = path.at(GUEST);
        let message = format!(
            "{field} '{}' must be equal to or less than the memory limit {} '{}'",
            guest.canonical().text(),
            path.at(LIMIT),
            most.canonical().text()
        );
        causes.invalid(&field, message);
    }
}

/// There is some memory, once defaults are set.
pub(super) fn some_memory(spec: &VirtualMachineInstanceSpec, causes: &mut Causes) {
    let memory = spec.domain.memory.as_ref();
    let is_given = memory.is_some_and(|memory| memory.guest.is_some() || memory.hugepages.is_some());
    if request(spec, "memory").value() == 0 && !is_given {
        let path = Path::new("spec");
        let (guest, page_size, requested) = (path.at(GUEST), path.at(PAGE_SIZE), path.at(REQUEST));
        let message =
            format!("no memory requested, at least one of '{guest}', '{page_size}' or '{requested}' must be set");
        causes.required("", message);
    }
}

/// Locked memory beyond the guest's is behind a gate.
pub(super) fn reserved_overhead(
    path: &Path,
    spec: &VirtualMachineInstanceSpec,
    config: &ClusterConfig,
    causes: &mut Causes,
) {
    let is_reserved = spec.domain.memory.as_ref().is_some_and(|memory| memory.reserved_overhead.is_some());
    if is_reserved && !config.is_enabled(FeatureGate::ReservedOverheadMemlock) {
        let field = path.at("domain.memory.reservedOverhead");
        causes.invalid(field, "Reserved overhead memlock feature gate is not enabled in kubevirt-config");
    }
}
