//! How the installation's certificates are renewed.

use crate::admission::{Causes, Reason};
use crate::api::kubernetes::Duration;
use crate::api::kubevirt::{KubeVirtSpec, SelfSignConfiguration};

/// In nanoseconds.
const HOUR: i64 = 3_600_000_000_000;

/// How long the authority's certificate and the components' live by default.
const AUTHORITY: i64 = 7 * 24 * HOUR;
const SERVER: i64 = 24 * HOUR;

const PATH: &str = "spec.certificateRotationStrategy.selfSigned";

/// The lengths of time that are configured.
pub(super) fn lengths(spec: &KubeVirtSpec) -> Vec<Option<&Duration>> {
    let Some(config) = configuration(spec) else { return Vec::new() };
    let older = [&config.ca_rotate_interval, &config.cert_rotate_interval, &config.ca_overlap_interval];
    let newer = [&config.ca, &config.server].into_iter().flatten();
    let newer = newer.flat_map(|certificate| [&certificate.duration, &certificate.renew_before]);
    older.into_iter().chain(newer).map(Option::as_ref).collect()
}

fn configuration(spec: &KubeVirtSpec) -> Option<&SelfSignConfiguration> {
    spec.certificate_rotate_strategy.as_ref()?.self_signed.as_ref()
}

/// Certificates are renewed while they live, and live no longer than their authority's.
pub(super) fn validate(spec: &KubeVirtSpec, causes: &mut Causes) {
    let Some(config) = configuration(spec) else { return };
    let is_old = config.ca_rotate_interval.is_some()
        || config.cert_rotate_interval.is_some()
        || config.ca_overlap_interval.is_some();
    if is_old && (config.ca.is_some() || config.server.is_some()) {
        let message = "caRotateInterval, certRotateInterval and caOverlapInterval are deprecated and conflict with \
                       CertConfig defined rotation parameters";
        causes.add(Reason::NotSupported, "", message);
    }
    let (authority, server) = (config.ca.as_ref(), config.server.as_ref());
    let first = |older: Option<&Duration>, newer: Option<&Duration>, default: i64| {
        older.or(newer).and_then(|length| length.nanoseconds().ok()).unwrap_or(default)
    };
    let ca = first(config.ca_rotate_interval.as_ref(), authority.and_then(|ca| ca.duration.as_ref()), AUTHORITY);
    let ca_renewal =
        first(config.ca_overlap_interval.as_ref(), authority.and_then(|ca| ca.renew_before.as_ref()), ca / 5);
    let cert = first(config.cert_rotate_interval.as_ref(), server.and_then(|cert| cert.duration.as_ref()), SERVER);
    let cert_renewal = first(None, server.and_then(|cert| cert.renew_before.as_ref()), cert / 5);
    if ca < ca_renewal {
        let message = format!("CA RenewBefore cannot exceed Duration ({PATH}.ca.duration < {PATH}.ca.renewBefore)");
        causes.invalid("", message);
    }
    if cert < cert_renewal {
        let message =
            format!("Cert RenewBefore cannot exceed Duration ({PATH}.server.duration < {PATH}.server.renewBefore)");
        causes.invalid("", message);
    }
    if cert > ca {
        let message = format!("Certificate duration cannot exceed CA ({PATH}.server.duration > {PATH}.ca.duration)");
        causes.invalid("", message);
    }
}
