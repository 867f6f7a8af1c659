//! `--smbios uuid=UUID,serial=TEXT,...`: what the machine calls itself.

use std::str::FromStr;
use thiserror::Error;
use vmm::{IdentityConfig, MachineUuidError};

/// The names that the command line gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SmbiosArg(IdentityConfig);

/// Why the text is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum SmbiosArgError {
    #[error("{0:?} is not known: write KEY=TEXT with one of {KEYS}; a text with a comma needs a configuration file")]
    Unknown(String),
    #[error("{0}= is given twice")]
    Twice(&'static str),
    #[error("{0}= has no value")]
    Empty(&'static str),
    #[error(transparent)]
    Uuid(#[from] MachineUuidError),
}

const KEYS: &str = "uuid, manufacturer, product, version, serial, sku, family, asset";

impl FromStr for SmbiosArg {
    type Err = SmbiosArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut identity = IdentityConfig::default();
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("uuid", value)) => {
                    if identity.uuid.replace(value.parse()?).is_some() {
                        return Err(SmbiosArgError::Twice("uuid"));
                    }
                }
                Some(("manufacturer", value)) => set(&mut identity.manufacturer, "manufacturer", value)?,
                Some(("product", value)) => set(&mut identity.product, "product", value)?,
                Some(("version", value)) => set(&mut identity.version, "version", value)?,
                Some(("serial", value)) => set(&mut identity.serial, "serial", value)?,
                Some(("sku", value)) => set(&mut identity.sku, "sku", value)?,
                Some(("family", value)) => set(&mut identity.family, "family", value)?,
                Some(("asset", value)) => set(&mut identity.asset_tag, "asset", value)?,
                _ => return Err(SmbiosArgError::Unknown(part.into())),
            }
        }
        Ok(Self(identity))
    }
}

fn set(place: &mut Option<String>, key: &'static str, value: &str) -> Result<(), SmbiosArgError> {
    if value.is_empty() {
        return Err(SmbiosArgError::Empty(key));
    }
    match place.replace(value.to_owned()) {
        Some(_) => Err(SmbiosArgError::Twice(key)),
        None => Ok(()),
    }
}

impl SmbiosArg {
    /// Puts what is given over what `identity` has.
    pub(crate) fn apply(&self, identity: &mut IdentityConfig) {
        let Self(IdentityConfig { uuid, manufacturer, product, version, serial, sku, family, asset_tag }) = self;
        identity.uuid = uuid.or(identity.uuid);
        for (given, place) in [
            (manufacturer, &mut identity.manufacturer),
            (product, &mut identity.product),
            (version, &mut identity.version),
            (serial, &mut identity.serial),
            (sku, &mut identity.sku),
            (family, &mut identity.family),
            (asset_tag, &mut identity.asset_tag),
        ] {
            if given.is_some() {
                place.clone_from(given);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const UUID: &str = "5d307ca9-b3ef-428c-8861-06e72d69f223";

    #[test]
    fn what_is_given_goes_over_what_there_is() {
        let arg: SmbiosArg = format!("serial=a=b c,uuid={UUID},asset=7").parse().unwrap();
        let mut identity = IdentityConfig { serial: Some("old".into()), sku: Some("s".into()), ..Default::default() };
        arg.apply(&mut identity);
        let expected = IdentityConfig {
            uuid: Some(UUID.parse().unwrap()),
            serial: Some("a=b c".into()),
            sku: Some("s".into()),
            asset_tag: Some("7".into()),
            ..Default::default()
        };
        assert_eq!(identity, expected);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let unknown = |part: &str| SmbiosArgError::Unknown(part.into());
        let uuid = |text: &str| SmbiosArgError::Uuid(text.parse::<vmm::MachineUuid>().unwrap_err());
        let cases = [
            ("".to_owned(), unknown("")),
            ("serial".to_owned(), unknown("serial")),
            ("type=1".to_owned(), unknown("type=1")),
            ("serial=".to_owned(), SmbiosArgError::Empty("serial")),
            ("serial=a,serial=b".to_owned(), SmbiosArgError::Twice("serial")),
            (format!("uuid={UUID},uuid={UUID}"), SmbiosArgError::Twice("uuid")),
            ("uuid=1".to_owned(), uuid("1")),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<SmbiosArg>(), Err(error), "{text:?}");
        }
    }
}
