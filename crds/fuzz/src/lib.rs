//! What the fuzz targets share: changing documents by their schema, and calling the rules of a kind.

mod case;
mod mutation;

pub use case::{Case, configuration, schema_of_case, schema_of_instance_case};
pub use mutation::{Random, mutate, mutate_text};
