//! Volumes for cloud-init.

use super::text;
use crate::admission::{Causes, Path};
use crate::api::kubernetes::LocalObjectReference;
use crate::api::vmi::Volume;
use crate::base64::decoded_length;

/// What stands in the spec itself may be this long, so that the object stays small.
const INLINE: usize = 2048;

/// One kind of data: where it is from.
struct Source<'a> {
    secret: Option<&'a LocalObjectReference>,
    base64: &'a str,
    plain: &'a str,
}

impl<'a> Source<'a> {
    fn new(
        (secret, base64, plain): (&'a Option<LocalObjectReference>, &'a Option<String>, &'a Option<String>),
    ) -> Self {
        Self { secret: secret.as_ref(), base64: text(base64), plain: text(plain) }
    }
}

/// The data of a volume for cloud-init come from one source each, and are short when inline.
pub(super) fn validate(field: &Path, volume: &Volume, causes: &mut Causes) {
    let (kind, user, network) = if let Some(source) = &volume.cloud_init_no_cloud {
        let user = (&source.secret_ref, &source.user_data_base64, &source.user_data);
        let network = (&source.network_data_secret_ref, &source.network_data_base64, &source.network_data);
        ("cloudInitNoCloud", user, network)
    } else if let Some(source) = &volume.cloud_init_config_drive {
        let user = (&source.secret_ref, &source.user_data_base64, &source.user_data);
        let network = (&source.network_data_secret_ref, &source.network_data_base64, &source.network_data);
        ("cloudInitConfigDrive", user, network)
    } else {
        return;
    };
    let field = field.at(kind);
    let user = one_source(&field, kind, ("user", "userdatasource"), &Source::new(user), causes);
    let network = one_source(&field, kind, ("network", "networkdata source"), &Source::new(network), causes);
    if user + network == 0 {
        let message = format!("{field} must have at least one userdatasource or one networkdatasource set.");
        causes.invalid(&field, message);
    }
}

/// How many sources are set, of which there may be one.
fn one_source(
    field: &Path,
    kind: &str,
    (what, source_name): (&str, &str),
    source: &Source<'_>,
    causes: &mut Causes,
) -> usize {
    let mut length = 0;
    if !source.base64.is_empty() {
        let encoded = field.at(&format!("{what}DataBase64"));
        match decoded_length(source.base64) {
            Some(decoded) => length = decoded,
            None => {
                let message = format!("{encoded}.{kind}.{what}DataBase64 is not a valid base64 value.");
                causes.invalid(&encoded, message);
            }
        }
    }
    if !source.plain.is_empty() {
        length = source.plain.len();
    }
    let in_secret = source.secret.is_some_and(|secret| !text(&secret.name).is_empty());
    let set = [in_secret, !source.base64.is_empty(), !source.plain.is_empty()];
    let count = set.into_iter().filter(|is_set| *is_set).count();
    if count > 1 {
        causes.invalid(field, format!("{field} must have only one {source_name} set."));
    }
    if length > INLINE {
        let message =
            format!("{field} {what}data exceeds {INLINE} byte limit. Should use UserDataSecretRef for larger data.");
        causes.invalid(field, message);
    }
    count
}
