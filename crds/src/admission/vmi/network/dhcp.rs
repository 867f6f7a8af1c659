//! What the DHCP server answers beside the address.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::list;
use crate::admission::{Causes, Path};
use crate::api::vmi::DhcpOptions;

/// Private options are the site's own and given once; time servers are IPv4 addresses.
pub(super) fn validate(path: &Path, field: &Path, options: &DhcpOptions, causes: &mut Causes) {
    let private = list(&options.private_options);
    let unique: BTreeSet<i64> = private.iter().map(|option| option.option).collect();
    if unique.len() < private.len() {
        causes.invalid(path, "Found Duplicates: you have provided duplicate DHCPPrivateOptions");
    }
    for _ in private.iter().filter(|option| !(224..=254).contains(&option.option)) {
        causes.invalid(path, "provided DHCPPrivateOptions are out of range, must be in range 224 to 254");
    }
    for (place, server) in list(&options.ntp_servers).iter().enumerate() {
        if server.parse::<Ipv4Addr>().is_err() {
            let message = "NTP servers must be a list of valid IPv4 addresses.";
            causes.invalid(field.at("ntpServers").index(place), message);
        }
    }
}
