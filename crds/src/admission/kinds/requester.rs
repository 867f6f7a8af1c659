//! Who asks.

/// KubeVirt's own components, by the names of their service accounts.
const COMPONENTS: [&str; 4] = [API_SERVER, CONTROLLER, HANDLER, SYNCHRONIZATION];
const API_SERVER: &str = "kubevirt-apiserver";
const CONTROLLER: &str = "kubevirt-controller";
const HANDLER: &str = "kubevirt-handler";
const SYNCHRONIZATION: &str = "kubevirt-synchronization-controller";

/// Who asks, as the API server knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Requester<'a> {
    /// The user's name.
    pub user: &'a str,
    /// The node that the user's token is bound to.
    pub node: Option<&'a str>,
    /// The namespace in which KubeVirt's components run.
    pub home: &'a str,
}

impl<'a> Requester<'a> {
    /// Whether one of KubeVirt's own components asks.
    pub(crate) fn is_component(&self) -> bool {
        self.component().is_some()
    }

    /// Whether the component of the nodes asks.
    pub(super) fn is_handler(&self) -> bool {
        self.component() == Some(HANDLER)
    }

    /// Whether the component asks that carries out the cluster's wishes.
    pub(super) fn is_controller(&self) -> bool {
        self.component() == Some(CONTROLLER)
    }

    fn component(&self) -> Option<&'a str> {
        let (namespace, name) = self.user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        (namespace == self.home && COMPONENTS.contains(&name)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_known_by_namespace_and_name() {
        let is_component = |user| Requester { user, node: None, home: "kubevirt" }.is_component();
        assert!(is_component("system:serviceaccount:kubevirt:kubevirt-apiserver"));
        for other in
            ["", "kubevirt-handler", "system:serviceaccount:a:kubevirt-handler", "system:serviceaccount:kubevirt:a"]
        {
            assert!(!is_component(other), "{other}");
        }
    }

    #[test]
    fn the_synchronization_controller_is_not_the_controller() {
        let user = "system:serviceaccount:kubevirt:kubevirt-synchronization-controller";
        let requester = Requester { user, node: None, home: "kubevirt" };
        assert!(requester.is_component() && !requester.is_controller() && !requester.is_handler());
    }
}
