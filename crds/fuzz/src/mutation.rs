//! Changes that leave a document near to what its schema allows, so that the rules behind the schema are reached.

use serde_json::{Map, Value, json};

/// Texts that mean something somewhere.
const TEXTS: [&str; 40] = [
    "",
    "a",
    "A",
    "a.b",
    "a/b",
    "a b",
    "-",
    "default",
    "virtio",
    "sata",
    "usb",
    "q35",
    "arm64",
    "s390x",
    "amd64",
    "1Gi",
    "1024Mi",
    "0",
    "-1",
    "1e400",
    "2Mi",
    "100m",
    "Always",
    "Halted",
    "None",
    "LiveMigrate",
    "Disk",
    "force",
    "00:11:22:33:44:55",
    "0000:01:02.0",
    "10.0.2.0/24",
    "fd10:0:2::/120",
    "::1",
    "TCP",
    "In",
    "DoNotSchedule",
    "kubevirt.io",
    "VirtualMachine",
    "2026-11-21T12:00:00Z",
    "1h30m",
];

/// A stream of choices.
pub struct Random(u64);

impl Random {
    /// A stream that the fuzzer chose.
    pub fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }

    fn is_one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }
}

/// Changes the JSON text in the first `size` bytes of `data`; the new length, or nothing when it is no JSON or the
/// changed text does not fit.
pub fn mutate_text(
    data: &mut [u8],
    size: usize,
    most: usize,
    schema: impl Fn(&Value) -> &'static Value,
    seed: u32,
) -> Option<usize> {
    let mut random = Random::new(seed);
    if random.is_one_in(8) {
        return None;
    }
    let mut document: Value = serde_json::from_slice(data.get(..size)?).ok()?;
    let schema = schema(&document);
    for _ in 0..=random.below(3) {
        mutate(&mut document, schema, &mut random);
    }
    let text = serde_json::to_vec(&document).ok()?;
    data.get_mut(..text.len().min(most))?.copy_from_slice(text.get(..text.len().min(most))?);
    (text.len() <= most).then_some(text.len())
}

/// Changes one place of a document.
pub fn mutate(value: &mut Value, schema: &Value, random: &mut Random) {
    if random.is_one_in(64) {
        return *value =
            [json!(null), json!(true), json!(1), json!("1"), json!([]), json!({})][random.below(6)].clone();
    }
    let descend = !random.is_one_in(4);
    match value {
        Value::Object(fields) if descend && !fields.is_empty() => {
            let place = random.below(fields.len());
            if let Some((name, value)) = fields.iter_mut().nth(place) {
                mutate(value, below(schema, name), random);
            }
        }
        Value::Object(fields) => change_fields(fields, schema, random),
        Value::Array(items) if descend && !items.is_empty() => {
            let place = random.below(items.len());
            mutate(&mut items[place], &schema["items"], random);
        }
        Value::Array(items) => change_items(items, schema, random),
        scalar => *scalar = make(schema, random, 0),
    }
}

fn below<'a>(schema: &'a Value, name: &str) -> &'a Value {
    schema.get("additionalProperties").unwrap_or(&schema["properties"][name])
}

fn change_fields(fields: &mut Map<String, Value>, schema: &Value, random: &mut Random) {
    let name = match schema["properties"].as_object() {
        Some(known) if !known.is_empty() && !random.is_one_in(32) => known.keys().nth(random.below(known.len())),
        _ => None,
    };
    let name = name.cloned().unwrap_or_else(|| TEXTS[random.below(TEXTS.len())].to_owned());
    if fields.contains_key(&name) && random.is_one_in(2) {
        fields.remove(&name);
    } else {
        let value = make(below(schema, &name), random, 0);
        fields.insert(name, value);
    }
}

fn change_items(items: &mut Vec<Value>, schema: &Value, random: &mut Random) {
    let place = random.below(items.len());
    match (random.below(4), items.get(place).cloned()) {
        (0, Some(_)) => drop(items.remove(place)),
        (1, Some(item)) => items.push(item),
        _ => items.push(make(&schema["items"], random, 0)),
    }
}

/// A value that the schema allows, mostly.
fn make(schema: &Value, random: &mut Random, depth: usize) -> Value {
    if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.is_empty()) {
        return choices[random.below(choices.len())].clone();
    }
    let number = [0, 1, 2, 3, 4, 8, -1, 512, 4096, 65_535, 65_536, i64::from(i32::MAX), i64::MAX, i64::MIN];
    if schema["x-kubernetes-int-or-string"] == true {
        let amounts =
            ["0", "1", "1Gi", "1024Mi", "100m", "-1", "64Mi", "2M", "1e3", "1.5", "1e400", "http", "50%", ".5Ei"];
        return match random.below(3) {
            0 => json!(number[random.below(number.len())]),
            _ => json!(amounts[random.below(amounts.len())]),
        };
    }
    match schema["type"].as_str() {
        Some("object") if depth > 6 => json!({}),
        Some("object") => match schema["properties"].as_object() {
            Some(properties) => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let sparse = 2 + properties.len() / 3;
                let kept = properties
                    .iter()
                    .filter(|(name, _)| required.contains(&json!(name)) || random.is_one_in(sparse))
                    .map(|(name, schema)| (name.clone(), schema))
                    .collect::<Vec<_>>();
                kept.into_iter().map(|(name, schema)| (name, make(schema, random, depth + 1))).collect()
            }
            None => (0..random.below(3))
                .map(|_| (text(random), make(&schema["additionalProperties"], random, depth + 1)))
                .collect(),
        },
        Some("array") => (0..random.below(4)).map(|_| make(&schema["items"], random, depth + 1)).collect(),
        Some("boolean") => json!(random.is_one_in(2)),
        Some("integer") => json!(number[random.below(number.len())]),
        Some("number") => json!([0.0, 0.5, -1.5, 1e300][random.below(4)]),
        _ => json!(text(random)),
    }
}

fn text(random: &mut Random) -> String {
    let text = TEXTS[random.below(TEXTS.len())];
    match random.below(12) {
        0 => text.repeat(70),
        1 => format!("{text}{}", TEXTS[random.below(TEXTS.len())]),
        _ => text.to_owned(),
    }
}
