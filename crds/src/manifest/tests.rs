use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The values of a good file.
fn values(text: &str) -> Vec<Value> {
    read(text.as_bytes()).into_iter().map(|document| document.unwrap().value).collect()
}

/// The one value of a good file.
fn value(text: &str) -> Value {
    values(text).pop().unwrap()
}

/// The line, the column and the fault of the one document of a bad file.
fn fault(text: &str) -> (usize, usize, ManifestError) {
    let unreadable = read(text.as_bytes()).pop().unwrap().unwrap_err();
    (unreadable.position.line, unreadable.position.column, unreadable.error)
}

#[test]
fn plain_texts_mean_what_they_mean_to_kubectl() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("y", json!(true)),
        ("On", json!(true)),
        ("off", json!(false)),
        ("NO", json!(false)),
        ("oN", json!("oN")),
        ("~", json!(null)),
        ("''", json!("")),
        ("'yes'", json!("yes")),
        ("\"1\"", json!("1")),
        ("1", json!(1)),
        ("-1", json!(-1)),
        ("+1", json!(1)),
        ("010", json!(8)),
        ("08", json!(8)),
        ("0o10", json!(8)),
        ("0x1F", json!(31)),
        ("-0x1f", json!(-31)),
        ("0b101", json!(5)),
        ("1_000", json!(1000)),
        ("0x", json!("0x")),
        ("0x-1", json!("0x-1")),
        ("18446744073709551615", json!(u64::MAX)),
        ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("1.5", json!(1.5)),
        ("2.0", json!(2)),
        ("1e3", json!(1000)),
        (".5", json!(0.5)),
        ("5.", json!(5)),
        ("1e999", json!("1e999")),
        ("1.2.3", json!("1.2.3")),
        ("1:30", json!("1:30")),
        ("2001-01-01", json!("2001-01-01")),
        ("128Mi", json!("128Mi")),
        ("!!str 5", json!("5")),
        ("!!int '5'", json!(5)),
        ("!!float 5", json!(5)),
        ("!!bool yes", json!(true)),
        ("!mine 5", json!("5")),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
    ] {
        assert_eq!(value(&format!("a: {text}\n"))["a"], expected, "{text}");
    }
    assert_eq!(value("-\n"), json!([null]));
}

#[test]
fn what_json_does_not_have_is_refused() {
    let tag = |text: &str, tag: &str| ManifestError::Tag { text: text.into(), tag: tag.into() };
    for (text, error) in [
        ("a: .inf", ManifestError::NotFinite(".inf".into())),
        ("a: -.Inf", ManifestError::NotFinite("-.Inf".into())),
        ("a: .nan", ManifestError::NotFinite(".nan".into())),
        ("a: !!int b", tag("b", "int")),
        ("a: !!binary YQ==", tag("YQ==", "binary")),
        ("~: a", ManifestError::Key),
        ("[a]: b", ManifestError::Key),
        ("? {a: b}\n: c", ManifestError::Key),
    ] {
        assert_eq!(fault(text).2, error, "{text}");
    }
}

#[test]
fn keys_become_texts() {
    assert_eq!(value("1: a\n0x10: b\nyes: c\n'no': d\n"), json!({ "1": "a", "16": "b", "true": "c", "no": "d" }));
}

#[test]
fn aliases_are_followed_and_merged_fields_yield_to_what_follows() {
    assert_eq!(value("a: &x {b: 1}\nc: *x\n"), json!({ "a": { "b": 1 }, "c": { "b": 1 } }));
    let merged = value("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  a: 0\n  <<: [*x, *y]\n  c: 3\n");
    assert_eq!(merged["z"], json!({ "a": 1, "b": 1, "c": 3 }));
    assert_eq!(fault("<<: a\n").2, ManifestError::Merge);
    assert_eq!(fault("<<: [{}, a]\n").2, ManifestError::Merge);
    assert!(matches!(fault("a: *b\n").2, ManifestError::Syntax(_)));
}

#[test]
fn a_bomb_is_told_where_it_goes_off() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 9].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let (line, _, error) = fault(&laughs);
    assert_eq!((line, error), (7, ManifestError::TooLarge));
    let mut merges = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..40 {
        merges.push_str(&format!("a{level}: &a{level} {{l: *a{0}, r: *a{0}}}\n", level - 1));
    }
    assert_eq!(fault(&merges).2, ManifestError::TooLarge);
    assert_eq!(fault("a: &a [*a]\n").2, ManifestError::Endless);
}

#[test]
fn anchors_around_anchors_are_not_kept_again_and_again() {
    let depth = 200;
    let open: String = (0..depth).map(|level| format!("&a{level} [")).collect();
    let text = format!("{open}{}{}", "x".repeat(100_000), "]".repeat(depth));
    assert_eq!(fault(&text).2, ManifestError::TooLarge);
}

#[test]
fn depth_is_bounded_however_it_is_reached() {
    let flow = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(flow(DEEPEST).as_bytes()).iter().all(Result::is_ok));
    assert_eq!(fault(&format!("a: {}", flow(DEEPEST + 1))).2, ManifestError::TooDeep);
    assert_eq!(fault(&format!("{}{}", "- ".repeat(DEEPEST), flow(DEEPEST))).2, ManifestError::TooDeep);
    let block: String = (0..=DEEPEST).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(fault(&block).2, ManifestError::TooDeep);
    let chain: String = (1..1000).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1)).collect();
    assert_eq!(fault(&format!("a0: &a0 []\n{chain}")).2, ManifestError::TooDeep);
    assert_eq!(fault(&"[".repeat(1 << 20)).2, ManifestError::TooDeep);
}

#[test]
fn a_document_is_as_large_as_an_api_server_takes() {
    let items = |count: usize| format!("a: [{}]\n", "abcdefg, ".repeat(count));
    assert!(read(items(LARGEST / 10).as_bytes()).iter().all(Result::is_ok));
    assert_eq!(fault(&items((10 << 20) / 9)).2, ManifestError::TooLarge);
    assert_eq!(fault(&format!("a: {}", "x".repeat(10 << 20))).2, ManifestError::TooLarge);
    assert_eq!(fault(&format!("{{\"a\": \"{}\"}}", "x".repeat(10 << 20))).2, ManifestError::TooLarge);
    // Comments are not part of what is sent.
    assert_eq!(values(&format!("# {}\na: 1\n", "x".repeat(10 << 20))).len(), 1);
}

#[test]
fn a_key_that_is_there_twice_is_told_with_both_lines() {
    let twice = |key: &str, first| ManifestError::Twice { key: key.into(), first };
    assert_eq!(fault("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n"), (5, 3, twice("c", 3)));
    assert_eq!(fault("{\"a\": 1,\n \"a\": 2}"), (2, 2, twice("a", 1)));
    // Two spellings of one key.
    assert_eq!(fault("yes: 1\non: 2\n"), (2, 1, twice("true", 1)));
}

#[test]
fn a_tab_is_no_indentation() {
    let (line, _, error) = fault("a:\n\tb: 1\n");
    assert_eq!(line, 2);
    assert!(error.to_string().contains("tab"), "{error}");
}

#[test]
fn line_ends_and_marks_of_other_systems_do_not_matter() {
    assert_eq!(
        values("\u{feff}a: 1\r\nb:\r\n- |\r\n  x\r\n---\r\nc: 2\r\n"),
        [json!({ "a": 1, "b": ["x\n"] }), json!({ "c": 2 })]
    );
    assert_eq!(fault("a: 1\r\nb: c: d\r\n").0, 2);
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let text = "a: 1\n---\nb: c: d\n--- # comment\n\"e\n---\nf: 2\n";
    let read = read(text.as_bytes());
    let lines: Vec<Result<usize, usize>> =
        read.iter().map(|one| one.as_ref().map(|good| good.position.line).map_err(|bad| bad.position.line)).collect();
    assert_eq!(lines, [Ok(1), Err(3), Err(5), Ok(7)]);
}

#[test]
fn bytes_that_are_no_text_break_their_document_only() {
    let read = read(b"a: 1\n---\nb: \xc3\xa4\xff\n---\nc: 2\n");
    let unreadable = read[1].as_ref().unwrap_err();
    assert_eq!((unreadable.position, &unreadable.error), (Position { line: 3, column: 5 }, &ManifestError::NotUtf8));
    assert!(read.len() == 3 && read[0].is_ok() && read[2].is_ok());
}

#[test]
fn empty_documents_and_what_stands_before_the_first_are_nothing() {
    assert_eq!(values(""), [] as [Value; 0]);
    assert_eq!(values("---\n---\n# only this\n---\n~\n...\n"), [] as [Value; 0]);
    assert_eq!(values("# comment\n%YAML 1.1\n---\na: 1\n...\n---\nb: 2\n"), [json!({ "a": 1 }), json!({ "b": 2 })]);
    assert_eq!(values("---\n".repeat(100_000).as_str()), [] as [Value; 0]);
}

#[test]
fn a_file_has_no_more_documents_than_are_read() {
    let text = "a: 1\n---\n".repeat(MOST + 5);
    let read = read(text.as_bytes());
    assert_eq!(read.len(), MOST + 1);
    let last = read.last().unwrap().as_ref().unwrap_err();
    assert_eq!((last.position.line, &last.error), (2 * MOST, &ManifestError::TooMany));
}

#[test]
fn json_is_read_as_a_stream_of_objects() {
    let text = "{\"a\":\t\"\\/\\ud83d\\ude00\\n\"}\n{\"b\": 2.0}\n";
    assert_eq!(values(text), [json!({ "a": "/😀\n" }), json!({ "b": 2 })]);
    let second = read(text.as_bytes()).pop().unwrap().unwrap();
    assert_eq!((second.position.line, second.locate(&["b"])), (2, vec![Position { line: 2, column: 2 }]));
    let long = "k".repeat(5000);
    assert_eq!(value(&format!("{{\"{long}\": 1}}"))[&long], 1);
    // What looks like JSON and is YAML.
    assert_eq!(values("{a: 1}\n---\n{b: 2}\n"), [json!({ "a": 1 }), json!({ "b": 2 })]);
    let broken = read(b"{\"a\": 1}\n{\"b\": }}\n");
    assert!(broken[0].is_ok() && broken.last().unwrap().is_err());
}

#[test]
fn many_fields_are_found_at_once() {
    let keys: Vec<String> = (0..50_000).map(|key| format!("k{key}")).collect();
    let text: String = keys.iter().map(|key| format!("{key}: 1\n")).collect();
    let document = read(text.as_bytes()).pop().unwrap().unwrap();
    let places = document.locate(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(places.iter().enumerate().all(|(place, position)| position.line == place + 1));
    // A path of nothing but beginnings, and keys below one that is as long as a document.
    let dots = ".".repeat(1 << 20);
    assert_eq!(document.locate(&[&dots]), [document.position]);
    let below: String = (0..50_000).map(|key| format!("k{key}: 1, ")).collect();
    let text = format!("? {}\n: {{{below}}}\n", "k".repeat(1 << 20));
    let document = read(text.as_bytes()).pop().unwrap().unwrap();
    assert_eq!(document.locate(&["k"]), [document.position]);
}

#[test]
fn fields_are_found_and_missing_ones_stand_for_what_is_above_them() {
    let text = "\
# a comment
spec:
  nodeSelector:
    kubernetes.io/arch: amd64
  volumes:
  - name: a
  - name: b
    emptyDisk: {capacity: 1Gi}
---
other: 1
";
    let read = read(text.as_bytes());
    let [first, second] = read.as_slice() else { panic!("{read:?}") };
    let places = first.as_ref().unwrap().locate(&[
        "spec.volumes[1].emptyDisk.capacity",
        "spec.volumes[0].emptyDisk.capacity",
        "spec.volumes[1].name",
        "spec.volumes[7].name",
        "spec.nodeSelector.kubernetes.io/arch",
        "spec.vol",
        "status",
        "",
    ]);
    let places: Vec<(usize, usize)> = places.iter().map(|place| (place.line, place.column)).collect();
    assert_eq!(places, [(8, 17), (6, 5), (7, 5), (5, 3), (4, 5), (2, 1), (2, 1), (2, 1)]);
    assert_eq!(second.as_ref().unwrap().locate(&["other"]), [Position { line: 10, column: 1 }]);
}

/// A document with keys that no rule of YAML's can turn into something else.
fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
    ];
    let node = scalar.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let fields = prop::collection::btree_map("[a-z][a-z/]{1,4}x", inner, 0..4);
        prop_oneof![list, fields.prop_map(|fields| Value::Object(fields.into_iter().collect()))]
    });
    prop::collection::btree_map("[a-z][a-z/]{1,4}x", node, 1..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        read(&bytes);
    }

    #[test]
    fn no_text_of_yaml_s_own_characters_makes_it_panic(text in "[-\\[\\]{}:,?&*!|>'\"%@`#\n\t ab0<]{0,40}") {
        for document in read(text.as_bytes()).into_iter().flatten() {
            document.locate(&["a", "a.b[0]", "[0]"]);
        }
    }

    #[test]
    fn documents_are_read_as_they_were_written(written in document()) {
        prop_assert_eq!(&value(&serde_json::to_string(&written).unwrap()), &written);
        prop_assert_eq!(&value(&serde_json::to_string_pretty(&written).unwrap()), &written);
    }

    #[test]
    fn every_key_is_found_where_it_stands(written in document()) {
        let text = serde_json::to_string_pretty(&written).unwrap();
        let document = read(text.as_bytes()).pop().unwrap().unwrap();
        for key in written.as_object().unwrap().keys() {
            let place = document.locate(&[key])[0];
            let line = text.lines().nth(place.line - 1).unwrap();
            prop_assert!(line[place.column - 1..].starts_with(&format!("\"{key}\":")), "{line}");
        }
    }
}
