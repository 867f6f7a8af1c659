//! Clients of the API server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// What a component takes over without a restart.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ReloadableComponentConfiguration {
    pub rest_client: Option<RestClientConfiguration>,
}

/// The client of the API server.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RestClientConfiguration {
    pub rate_limiter: Option<RateLimiter>,
}

/// How often it may call.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct RateLimiter {
    pub token_bucket_rate_limiter: Option<TokenBucketRateLimiter>,
}

/// Calls a second, and at once.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct TokenBucketRateLimiter {
    pub qps: f64,
    pub burst: i64,
}
