//! TLS of the components, and the launchers' seccomp profile.

use crate::admission::vmi::list;
use crate::admission::{Causes, Path};
use crate::api::kubevirt::{KubeVirtSpec, SeccompConfiguration, TlsConfiguration};
use crate::semantic::same;

/// The cipher suites that can be chosen below TLS 1.3, by their names in Go.
const SUITES: [&str; 25] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

/// Cipher suites are known ones, and chosen below TLS 1.3 only.
pub(super) fn tls(new: &KubeVirtSpec, old: &KubeVirtSpec, causes: &mut Causes) {
    let tls = |spec: &'_ KubeVirtSpec| spec.configuration.as_ref().and_then(|config| config.tls_configuration.clone());
    let Some(config) = tls(new).filter(|new| !tls(old).is_some_and(|old| same(new, &old))) else { return };
    let TlsConfiguration { min_tls_version, ciphers } = config;
    let field = "spec.configuration.tlsConfiguration.ciphers";
    let ciphers = list(&ciphers);
    if matches!(min_tls_version.as_deref(), None | Some("" | "VersionTLS13")) {
        if !ciphers.is_empty() {
            let message = "You cannot specify ciphers when spec.configuration.tlsConfiguration.minTLSVersion is empty \
                           or VersionTLS13";
            causes.not_supported(field, message);
        }
        return;
    }
    for (place, cipher) in ciphers.iter().enumerate() {
        if !SUITES.contains(&cipher.as_str()) {
            causes.not_supported(format!("{field}#{place}"), format!("{cipher} is not a valid cipher"));
        }
    }
}

/// A profile of one's own is the node's or the runtime's, not both.
pub(super) fn seccomp(new: &KubeVirtSpec, old: &KubeVirtSpec, causes: &mut Causes) {
    let seccomp = |spec: &KubeVirtSpec| -> Option<SeccompConfiguration> {
        spec.configuration.as_ref().and_then(|config| config.seccomp_configuration.clone())
    };
    let Some(config) = seccomp(new).filter(|new| !seccomp(old).is_some_and(|old| same(new, &old))) else { return };
    let Some(profile) = config.virtual_machine_instance_profile else { return };
    let field = Path::new("spec.configuration.seccompConfiguration.virtualMachineInstanceProfile.customProfile");
    let Some(custom) = profile.custom_profile else {
        return causes.invalid(&field, format!("{field} needs to be set"));
    };
    if custom.localhost_profile.is_some() && custom.runtime_default_profile == Some(true) {
        let (node, runtime) = (field.at("localhostProfile"), field.at("runtimeDefaultProfile"));
        causes.invalid(&node, format!("{node} cannot be set when {runtime} is set"));
        causes.invalid(&runtime, format!("{runtime} cannot be set when {node} is set"));
    }
}
