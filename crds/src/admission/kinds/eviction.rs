//! Evictions of pods: an instance leaves its node before its pod does.

use serde::Deserialize;

use super::{Request, Verdict};
use crate::admission::read::deserialize;
use crate::admission::vmi::{list, text};
use crate::admission::{Refusal, Stage};
use crate::api::kubernetes::{ObjectMeta, Pod};
use crate::api::vmi::VirtualMachineInstance;
use crate::config::ClusterConfig;

/// The label that says what a pod is for, and the annotation that names a launcher's instance.
const PURPOSE: &str = "kubevirt.io";
const INSTANCE: &str = "kubevirt.io/domain";

/// Other objects that the answer to an eviction depends on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RelatedToEviction<'a> {
    /// The pod that shall be evicted.
    pub pod: Option<&'a Pod>,
    /// The pod that owns it.
    pub owner: Option<&'a Pod>,
    /// The instance that the launcher among the two names.
    pub instance: Option<&'a VirtualMachineInstance>,
    /// Why the API server could not tell whether there is such an owner.
    pub owner_error: Option<&'a str>,
    /// Why it could not tell whether there is such an instance.
    pub instance_error: Option<&'a str>,
}

/// The answer to an eviction.
#[derive(Clone, Debug, PartialEq)]
pub struct EvictionAnswer {
    /// Whether the pod may be evicted now.
    pub verdict: Verdict,
    /// What has to be written on the instance so that it leaves its node.
    pub mark: Option<EvictionMark>,
}

/// That an instance shall leave its node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvictionMark {
    /// For `status.evacuationNodeName`.
    pub node_name: String,
    /// Whether the descheduler asked, which an annotation tells.
    pub by_descheduler: bool,
    /// Whether the eviction is a rehearsal by its own options; the request may say so too.
    pub is_rehearsal: bool,
}

impl EvictionMark {
    /// The answer where the mark could not be written.
    pub fn failed(&self, error: &str) -> Refusal {
        denied(format!("kubevirt failed marking the vmi for eviction: {error}"))
    }
}

/// What is read of an eviction.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Eviction {
    metadata: ObjectMeta,
    delete_options: Option<DeleteOptions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DeleteOptions {
    dry_run: Option<Vec<String>>,
}

/// A launcher stays until its instance has left, where the eviction strategy says so; the pod that attaches an
/// instance's volumes stays as long as the instance does.
pub fn admit(request: &Request<'_>, config: &ClusterConfig, related: RelatedToEviction<'_>) -> EvictionAnswer {
    let answer = match related.pod {
        Some(pod) if attaches_volumes(pod) => attachment(pod, related).map(|()| None),
        Some(pod) if is_running_launcher(pod) => launcher(request, pod, config, related),
        _ => Ok(None),
    };
    match answer {
        Ok(None) => EvictionAnswer { verdict: Ok(Vec::new()), mark: None },
        Ok(Some((mark, message))) => EvictionAnswer { verdict: Err(denied(message)), mark: Some(mark) },
        Err(message) => EvictionAnswer { verdict: Err(denied(message)), mark: None },
    }
}

fn denied(message: String) -> Refusal {
    Refusal::for_now(Stage::Admit, message)
}

fn attaches_volumes(pod: &Pod) -> bool {
    pod.metadata.label(PURPOSE) == Some("hotplug-disk") && list(&pod.metadata.owner_references).len() == 1
}

fn is_running_launcher(pod: &Pod) -> bool {
    let is_over = matches!(pod.status.phase.as_str(), "Failed" | "Succeeded");
    pod.metadata.label(PURPOSE) == Some("virt-launcher") && !is_over
}

fn attachment(pod: &Pod, related: RelatedToEviction<'_>) -> Result<(), String> {
    if let Some(error) = related.owner_error {
        return Err(format!("failed getting owner for hotplug pod: {error}"));
    }
    let launcher = related.owner.filter(|owner| is_running_launcher(owner));
    let name = launcher.and_then(|launcher| launcher.metadata.annotation(INSTANCE));
    let Some(name) = name else { return Ok(()) };
    if let Some(error) = related.instance_error {
        return Err(format!("kubevirt failed getting the vmi: {error}"));
    }
    if related.instance.is_none() {
        return Ok(());
    }
    let (pod, namespace) = (text(&pod.metadata.name), text(&pod.metadata.namespace));
    Err(format!("cannot evict hotplug pod: {pod} associated with running vmi: {name} in namespace {namespace}"))
}

/// The mark of the instance, and what the client is told; nothing when the pod may go.
fn launcher(
    request: &Request<'_>,
    pod: &Pod,
    config: &ClusterConfig,
    related: RelatedToEviction<'_>,
) -> Result<Option<(EvictionMark, String)>, String> {
    let Some(name) = pod.metadata.annotation(INSTANCE) else { return Ok(None) };
    let vmi = related.instance.ok_or_else(|| {
        let absent = || format!("virtualmachineinstances.kubevirt.io \"{name}\" not found");
        format!("kubevirt failed getting the vmi: {}", related.instance_error.map_or_else(absent, str::to_owned))
    })?;
    let name = text(&vmi.metadata.name);
    let strategy = vmi.spec.eviction_strategy.as_deref().unwrap_or_else(|| config.eviction_strategy());
    match strategy {
        "LiveMigrate" if !can_migrate(vmi) => {
            return Err(format!("VMI {name} is configured with an eviction strategy but is not live-migratable"));
        }
        "LiveMigrateIfPossible" if !can_migrate(vmi) => return Ok(None),
        "LiveMigrate" | "LiveMigrateIfPossible" | "External" => {}
        _ => return Ok(None),
    }
    let namespace = text(&vmi.metadata.namespace);
    let triggered = format!("Eviction triggered evacuation of VMI \"{namespace}/{name}\"");
    let status = vmi.status.as_ref();
    if status.is_some_and(|status| !text(&status.evacuation_node_name).is_empty()) {
        return Err(format!("Evacuation in progress: {triggered}"));
    }
    let node_name = status.map(|status| text(&status.node_name)).unwrap_or_default();
    if node_name != pod.spec.node_name {
        return Err("Eviction request for target Pod".to_owned());
    }
    let eviction: Eviction = deserialize(request.object, Stage::Admit)
        .map_err(|refusal| format!("failed to parse the eviction object: {}", refusal.message))?;
    let rehearsal = eviction.delete_options.and_then(|options| options.dry_run?.into_iter().next());
    let mark = EvictionMark {
        node_name: node_name.to_owned(),
        by_descheduler: eviction.metadata.annotation("requested-by") == Some("sigs.k8s.io/descheduler"),
        is_rehearsal: rehearsal.as_deref() == Some("All"),
    };
    Ok(Some((mark, triggered)))
}

fn can_migrate(vmi: &VirtualMachineInstance) -> bool {
    let conditions = vmi.status.as_ref().map(|status| list(&status.conditions)).unwrap_or_default();
    conditions.iter().any(|condition| condition.r#type == "LiveMigratable" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(eviction: &Value, pod: Value, owner: Value, instance: Value) -> EvictionAnswer {
        let (pod, owner): (Pod, Pod) = (serde_json::from_value(pod).unwrap(), serde_json::from_value(owner).unwrap());
        let instance = serde_json::from_value(instance).unwrap();
        let related = RelatedToEviction {
            pod: Some(&pod),
            owner: Some(&owner),
            instance: Some(&instance),
            ..RelatedToEviction::default()
        };
        let request = Request::create(eviction);
        admit(&request, &ClusterConfig::default(), related)
    }

    fn launcher() -> Value {
        json!({
            "metadata": { "labels": { PURPOSE: "virt-launcher" }, "annotations": { INSTANCE: "a" } },
            "spec": { "nodeName": "here" },
        })
    }

    fn instance(strategy: &str, can_migrate: &str) -> Value {
        json!({
            "metadata": { "name": "a", "namespace": "ns" },
            "spec": { "domain": { "devices": {} }, "evictionStrategy": strategy },
            "status": {
                "nodeName": "here",
                "conditions": [{ "type": "LiveMigratable", "status": can_migrate }],
            },
        })
    }

    fn message(answer: &EvictionAnswer) -> &str {
        answer.verdict.as_ref().err().map(|refusal| refusal.message.as_str()).unwrap_or_default()
    }

    #[test]
    fn the_strategy_decides_whether_the_instance_leaves_first() {
        let triggered = "Eviction triggered evacuation of VMI \"ns/a\"";
        let stuck = "VMI a is configured with an eviction strategy but is not live-migratable";
        for (strategy, can_migrate, expected) in [
            ("None", "True", ""),
            ("LiveMigrate", "True", triggered),
            ("LiveMigrate", "False", stuck),
            ("LiveMigrateIfPossible", "True", triggered),
            ("LiveMigrateIfPossible", "False", ""),
            ("External", "False", triggered),
        ] {
            let answer = answer(&json!({}), launcher(), json!({}), instance(strategy, can_migrate));
            assert_eq!(message(&answer), expected, "{strategy} {can_migrate}");
            assert_eq!(answer.mark.is_some(), expected == triggered, "{strategy} {can_migrate}");
        }
    }

    #[test]
    fn the_mark_tells_who_asked_and_whether_it_is_a_rehearsal() {
        let eviction = json!({
            "metadata": { "annotations": { "requested-by": "sigs.k8s.io/descheduler" } },
            "deleteOptions": { "dryRun": ["All"] },
        });
        let answer = answer(&eviction, launcher(), json!({}), instance("External", "False"));
        let mark = EvictionMark { node_name: "here".to_owned(), by_descheduler: true, is_rehearsal: true };
        assert_eq!(answer.mark, Some(mark));
    }

    #[test]
    fn what_the_api_server_cannot_tell_holds_the_pod() {
        let pod: Pod = serde_json::from_value(launcher()).unwrap();
        let attached = json!({ "labels": { PURPOSE: "hotplug-disk" }, "ownerReferences": [{ "name": "l" }] });
        let attached: Pod = serde_json::from_value(json!({ "metadata": attached })).unwrap();
        let error = Some("gone away");
        let eviction = json!({});
        let none = RelatedToEviction::default();
        for (related, expected) in [
            (
                RelatedToEviction { pod: Some(&pod), instance_error: error, ..none },
                "kubevirt failed getting the vmi: gone away",
            ),
            (
                RelatedToEviction { pod: Some(&attached), owner: Some(&pod), instance_error: error, ..none },
                "kubevirt failed getting the vmi: gone away",
            ),
            (
                RelatedToEviction { pod: Some(&attached), owner_error: error, ..none },
                "failed getting owner for hotplug pod: gone away",
            ),
            (
                RelatedToEviction { pod: Some(&pod), ..none },
                "kubevirt failed getting the vmi: virtualmachineinstances.kubevirt.io \"a\" not found",
            ),
        ] {
            let answer = admit(&Request::create(&eviction), &ClusterConfig::default(), related);
            assert_eq!(message(&answer), expected);
        }
        let found = answer(&eviction, launcher(), json!({}), instance("External", "False"));
        let refusal = found.mark.unwrap().failed("gone away");
        assert_eq!(refusal.message, "kubevirt failed marking the vmi for eviction: gone away");
    }

    #[test]
    fn an_instance_is_marked_once_and_by_the_launcher_on_its_node() {
        let mut marked = instance("External", "False");
        marked["status"]["evacuationNodeName"] = json!("here");
        let found = answer(&json!({}), launcher(), json!({}), marked);
        assert!(message(&found).starts_with("Evacuation in progress: "), "{found:?}");
        let mut target = launcher();
        target["spec"]["nodeName"] = json!("there");
        let found = answer(&json!({}), target, json!({}), instance("External", "False"));
        assert_eq!((message(&found), found.mark.clone()), ("Eviction request for target Pod", None));
    }

    #[test]
    fn a_pod_that_attaches_volumes_stays_with_its_launcher() {
        let pod = json!({ "metadata": {
            "name": "p",
            "namespace": "ns",
            "labels": { PURPOSE: "hotplug-disk" },
            "ownerReferences": [{ "name": "l" }],
        } });
        let found = answer(&json!({}), pod.clone(), launcher(), instance("None", "False"));
        assert_eq!(message(&found), "cannot evict hotplug pod: p associated with running vmi: a in namespace ns");
        let mut over = launcher();
        over["status"] = json!({ "phase": "Succeeded" });
        assert_eq!(message(&answer(&json!({}), pod, over, instance("None", "False"))), "");
    }
}
