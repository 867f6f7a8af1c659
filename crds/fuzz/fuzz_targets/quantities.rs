//! Any text as a quantity, and any JSON as one of the scalars that keep their text.

#![no_main]

use std::cmp::Ordering;

use crds::api::kubernetes::{IntOrString, Quantity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let quantity = Quantity::from(text);
    assert_eq!(quantity.text(), text);
    let canonical = quantity.canonical();
    if quantity.check().is_ok() {
        assert!(canonical.check().is_ok());
        assert_eq!(canonical.canonical().text(), canonical.text());
        assert_eq!(canonical.compare(&quantity), Ordering::Equal);
        assert_eq!(quantity.is_zero(), quantity.value() == 0);
    } else {
        assert_eq!(canonical.text(), text);
    }
    for json in [text.to_owned(), serde_json::Value::from(text).to_string()] {
        if let Ok(read) = serde_json::from_str::<Quantity>(&json) {
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(written, serde_json::from_str::<serde_json::Value>(&json).unwrap());
        }
        if let Ok(read) = serde_json::from_str::<IntOrString>(&json) {
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(written, serde_json::from_str::<serde_json::Value>(&json).unwrap());
        }
    }
});
