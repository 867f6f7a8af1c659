//! Any bytes as a file of manifests, from the text to the answers with their places.

#![no_main]

use crds::check::{Caller, File, check};
use crds::manifest::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for document in read(data) {
        let position = document.map_or_else(|unreadable| unreadable.position, |document| document.position);
        assert!(position.line > 0 && position.column > 0);
    }
    let files = [File { name: "manifest", content: Ok(data) }];
    let (mut draw, unsupported) = (|| "u".to_owned(), |_: &_| Vec::new());
    drop(check(&files, Caller { draw: &mut draw, unsupported: &unsupported }));
});
