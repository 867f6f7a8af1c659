//! The value of `--firmware`.

use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// `uefi[:CODE[,VARS]]` or `bios[:FILE]`; what is not named is found on this host (also CODE in `uefi:,VARS`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FirmwareArg {
    /// UEFI: its code, and the variable store that the machine keeps.
    Uefi { code: Option<PathBuf>, vars: Option<PathBuf> },
    /// A PC BIOS.
    Bios { file: Option<PathBuf> },
}

/// Why a value is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum FirmwareArgError {
    #[error("There is no firmware {0:?}: use uefi[:CODE[,VARS]] or bios[:FILE]")]
    Kind(String),
    #[error("A file name is missing in {0:?}: use uefi[:CODE[,VARS]] or bios[:FILE]")]
    EmptyName(String),
}

impl FromStr for FirmwareArg {
    type Err = FirmwareArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, files) = match text.split_once(':') {
            Some((kind, files)) => (kind, Some(files)),
            None => (text, None),
        };
        let name = |name: &str| match name {
            "" => Err(FirmwareArgError::EmptyName(text.into())),
            name => Ok(PathBuf::from(name)),
        };
        match (kind, files) {
            ("uefi", None) => Ok(Self::Uefi { code: None, vars: None }),
            ("uefi", Some(files)) => {
                let (code, vars) = match files.split_once(',') {
                    Some((code, vars)) => (code, Some(name(vars)?)),
                    None => (files, None),
                };
                // Without code there must be variables, or why the colon?
                let code = if code.is_empty() && vars.is_some() { None } else { Some(name(code)?) };
                Ok(Self::Uefi { code, vars })
            }
            ("bios", file) => Ok(Self::Bios { file: file.map(name).transpose()? }),
            _ => Err(FirmwareArgError::Kind(kind.into())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_or_left_to_this_host() {
        let uefi = |code: Option<&str>, vars: Option<&str>| FirmwareArg::Uefi {
            code: code.map(PathBuf::from),
            vars: vars.map(PathBuf::from),
        };
        let table = [
            ("uefi", uefi(None, None)),
            ("uefi:/c.fd", uefi(Some("/c.fd"), None)),
            ("uefi:/c:1.fd,v.fd", uefi(Some("/c:1.fd"), Some("v.fd"))),
            ("uefi:,v.fd", uefi(None, Some("v.fd"))),
            ("bios", FirmwareArg::Bios { file: None }),
            ("bios:b,1.bin", FirmwareArg::Bios { file: Some("b,1.bin".into()) }),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_right() {
        let refusal = |text: &str| text.parse::<FirmwareArg>().unwrap_err().to_string();
        assert_eq!(refusal("ovmf"), "There is no firmware \"ovmf\": use uefi[:CODE[,VARS]] or bios[:FILE]");
        for text in ["uefi:", "uefi:,", "uefi:c,", "bios:"] {
            assert!(refusal(text).starts_with(&format!("A file name is missing in {text:?}")), "{text}");
        }
    }
}
