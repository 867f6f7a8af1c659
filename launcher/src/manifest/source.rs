//! The files that are read.

use crds::check::File;
use std::io::{self, Read};
use std::path::Path;

/// The most that is read of a file: far more than all documents that an API server would take.
const MOST: u64 = 16 << 20;

/// A file that was read, or why it was not.
pub(super) struct Source {
    name: String,
    content: Result<Vec<u8>, String>,
}

impl Source {
    /// Reads a file; `-` is standard input.
    pub(super) fn read(path: &Path) -> Self {
        let content =
            if path == Path::new("-") { content(io::stdin()) } else { std::fs::File::open(path).and_then(content) };
        let name = path.to_string_lossy().into_owned();
        Self { name, content: content.map_err(|error| format!("The file cannot be read: {error}")) }
    }

    /// What the library is given.
    pub(super) fn file(&self) -> File<'_> {
        File { name: &self.name, content: self.content.as_deref().map_err(String::as_str) }
    }
}

fn content(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other("it has more than 16 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn error(path: &Path) -> String {
        Source::read(path).content.unwrap_err()
    }

    #[test]
    fn what_is_no_file_is_told_and_what_has_no_end_is_left() {
        assert!(error(Path::new("/no/such/file")).contains("No such file or directory"));
        assert!(error(Path::new("/")).contains("Is a directory"));
        assert_eq!(error(Path::new("/dev/zero")), "The file cannot be read: it has more than 16 MiB");
    }
}
