//! The options of the two commands.

use crate::help;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The commands that read manifests.
#[derive(Debug, Subcommand)]
pub(crate) enum ManifestCommand {
    /// Say what KubeVirt's API server would answer to manifests.
    #[command(long_about = help::VALIDATE, after_long_help = help::VALIDATE_AFTER)]
    Validate(ValidateArgs),

    /// Print manifests as KubeVirt's API server would store them, with all defaults.
    #[command(long_about = help::DEFAULTS, after_long_help = help::DEFAULTS_AFTER)]
    Defaults(DefaultsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The manifests, YAML or JSON; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// As lines for people, or as a JSON array with one result for each object.
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    pub(crate) output: ValidateOutput,

    /// Exit with status 1 also where Podvisor cannot do what a manifest asks for.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DefaultsArgs {
    /// The manifest, YAML or JSON; - is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// As YAML documents, or as JSON objects one after the other.
    #[arg(long, value_enum, value_name = "FORM", default_value = "yaml")]
    pub(crate) output: DefaultsOutput,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValidateOutput {
    /// Lines.
    Text,
    /// An array.
    Json,
}

/// How objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DefaultsOutput {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}
