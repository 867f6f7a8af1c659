//! What every part of the bench gets.

use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::options::Options;
use crate::samples::Samples;

/// What a part may use, and where its measurements go.
#[derive(Debug)]
pub struct Context {
    /// What was asked for.
    pub options: Options,
    /// Where files go that are worth keeping. It exists.
    pub directory: PathBuf,
    /// Shuffles and resamples.
    pub rng: Rng,
    /// All measurements so far.
    pub samples: Samples,
}

impl Context {
    /// A context without measurements.
    pub fn new(options: Options, directory: &Path, seed: u64) -> Self {
        Self { options, directory: directory.to_owned(), rng: Rng::with_seed(seed), samples: Samples::default() }
    }
}
