//! A firmware's variables: a file that is replaced whenever they change, and so the directory it is in.

use super::OpenError;
use super::file::{FileError, Wanted, open_file};
use crate::run_config::VariablesSpec;
use rustix::fs::{Mode, OFlags, open};
use std::path::Path;
use vmm::{DeviceId, KeptFile, Resource};

/// Opens the template, and the directory of the file that they are kept in.
///
/// # Errors
/// One cannot be opened.
pub(super) fn open_variables(id: &DeviceId, spec: &VariablesSpec) -> Result<Resource, OpenError> {
    let VariablesSpec { path, template } = spec;
    let refused = |path: &Path| {
        let (id, path) = (id.clone(), path.to_owned());
        move |source| OpenError::File { id, path, source }
    };
    let template = template.as_ref().map(|path| open_file(path, Wanted::Regular).map_err(refused(path))).transpose()?;
    let kept = path.as_ref().map(|path| keep(path).map_err(refused(path))).transpose()?;
    Ok(Resource::Variables { template, kept })
}

fn keep(path: &Path) -> Result<KeptFile, FileError> {
    let name = path.file_name().ok_or(FileError::Sort("no name of a file", "one"))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(directory, flags, Mode::empty()).map_err(FileError::Find)?;
    Ok(KeptFile { directory, name: name.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn opened(path: Option<PathBuf>, template: Option<PathBuf>) -> Result<Resource, OpenError> {
        open_variables(&"variables".into(), &VariablesSpec { path, template })
    }

    #[test]
    fn the_file_need_not_be_there_but_its_directory_and_the_template() {
        let directory = tempfile::tempdir().unwrap();
        let Resource::Variables { template, kept } = opened(Some(directory.path().join("vm.fd")), None).unwrap() else {
            panic!("another resource")
        };
        assert_eq!((template.is_none(), kept.unwrap().name.to_str()), (true, Some("vm.fd")));
        for (path, template) in [(Some("/none/vm.fd"), None), (Some("/"), None), (None, Some("/none/template.fd"))] {
            assert!(opened(path.map(PathBuf::from), template.map(PathBuf::from)).is_err());
        }
    }
}
