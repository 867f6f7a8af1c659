//! What every part of the bench gets.

use std::path::PathBuf;

use fastrand::Rng;

use crate::options::Options;
use crate::programs::Built;
use crate::samples::Samples;

/// What a part may use, and where its measurements go.
#[derive(Debug)]
pub struct Context {
    /// What was asked for.
    pub options: Options,
    /// Where files go that are worth keeping. It exists.
    pub directory: PathBuf,
    /// The programs that are measured.
    pub built: Built,
    /// Whether TAP interfaces can be made here; if not, why.
    pub network: Result<(), String>,
    /// Shuffles and resamples.
    pub rng: Rng,
    /// All measurements so far.
    pub samples: Samples,
}

impl Context {
    /// A context without measurements.
    pub fn new(options: Options, built: Built, network: Result<(), String>, seed: u64) -> Self {
        let (directory, rng) = (options.output.clone(), Rng::with_seed(seed));
        Self { options, directory, built, network, rng, samples: Samples::default() }
    }
}
