//! The value of `--fw-cfg`.

use std::str::FromStr;
use thiserror::Error;

/// `opt/NAME=TEXT`: a file for the firmware, and for what it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextFileArg {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The value is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0:?} is no file for the firmware: write opt/NAME=TEXT")]
pub(crate) struct TextFileArgError(String);

impl FromStr for TextFileArg {
    type Err = TextFileArgError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, contents)) if name.starts_with("opt/") => {
                Ok(Self { name: name.to_owned(), text: contents.to_owned() })
            }
            _ => Err(TextFileArgError(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_name_below_opt_and_a_text() {
        let file = |name: &str, text: &str| Ok(TextFileArg { name: name.into(), text: text.into() });
        assert_eq!("opt/org.example/key=a=b".parse(), file("opt/org.example/key", "a=b"));
        assert_eq!("opt/empty=".parse(), file("opt/empty", ""));
        for text in ["", "opt/x", "etc/e820=x", "=x"] {
            assert_eq!(text.parse::<TextFileArg>(), Err(TextFileArgError(text.into())));
        }
    }
}
