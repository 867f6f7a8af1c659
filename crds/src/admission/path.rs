//! Where in an object something is.

use std::fmt;

/// A field's path, such as `spec.volumes[0].name`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path(String);

impl Path {
    /// A path's beginning.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A field below; `name` may be several names with dots between.
    #[must_use]
    pub fn at(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0))
    }

    /// An item of a list.
    #[must_use]
    pub fn index(&self, place: usize) -> Self {
        Self(format!("{}[{place}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
