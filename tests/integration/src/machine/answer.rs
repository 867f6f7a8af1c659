//! One line of the test guest, `... key=value key=value`.

use std::str::FromStr;

/// A line that the guest printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(String);

impl Answer {
    pub(super) fn new(line: &str) -> Self {
        Self(line.to_owned())
    }

    /// The line as it was printed.
    pub fn line(&self) -> &str {
        &self.0
    }

    /// The value of `key`, if the line has one.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.0.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    /// The value of `key`.
    ///
    /// # Panics
    /// The line has none.
    pub fn value(&self, key: &str) -> &str {
        self.find(key).unwrap_or_else(|| panic!("no {key}= in {:?}", self.0))
    }

    /// The number that `key` has, decimal or after `0x` hexadecimal.
    ///
    /// # Panics
    /// The line has none.
    pub fn number(&self, key: &str) -> u64 {
        self.parse(key, self.value(key))
    }

    /// The numbers that `key` has, separated by commas.
    ///
    /// # Panics
    /// The line has none.
    pub fn numbers(&self, key: &str) -> Vec<u64> {
        self.value(key).split(',').map(|part| self.parse(key, part)).collect()
    }

    /// The pairs of numbers `A:B` that `key` has, separated by commas.
    ///
    /// # Panics
    /// The line has none.
    pub fn pairs(&self, key: &str) -> Vec<(u64, u64)> {
        let pair = |part: &str| {
            let (left, right) = part.split_once(':').unwrap_or_else(|| panic!("no pair in {key}= of {:?}", self.0));
            (self.parse(key, left), self.parse(key, right))
        };
        self.value(key).split(',').map(pair).collect()
    }

    fn parse(&self, key: &str, text: &str) -> u64 {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => u64::from_str(text),
        };
        number.unwrap_or_else(|_| panic!("{key}= is not a number in {:?}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_words_and_numbers_may_be_hexadecimal() {
        let answer = Answer::new("ok mem xbytes=3 bytes=0x10 lapic=0,1,4 sample=0x1000:7,8:9 none=");
        assert_eq!(answer.number("bytes"), 16);
        assert_eq!(answer.numbers("lapic"), [0, 1, 4]);
        assert_eq!(answer.pairs("sample"), [(0x1000, 7), (8, 9)]);
        assert_eq!(answer.find("none"), Some(""));
        assert_eq!(answer.find("byte"), None);
    }
}
