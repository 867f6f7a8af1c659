//! Instance types and preferences.

mod device_preferences;
mod preference;
mod spec;

pub use device_preferences::*;
pub use preference::*;
pub use spec::*;
