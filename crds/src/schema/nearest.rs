//! Which name was probably meant.

/// The name that differs least from `name`, if it is near enough to have been meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    let wanted = name.to_lowercase();
    known
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate.as_str())
}

/// How many insertions, deletions and replacements lead from one text to the other. A name in a document may be of
/// any length: beyond 64 characters it is not compared.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    if left.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, one) in left.chars().enumerate() {
        let mut diagonal = place;
        let mut before = place + 1;
        for (other, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(one != *other);
            diagonal = *cell;
            before = replaced.min(before + 1).min(diagonal + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = place + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_when_it_is_near() {
        let known = ["volumes", "networks", "nodeSelector"].map(str::to_owned);
        assert_eq!(nearest("volume", known.iter()), Some("volumes"));
        assert_eq!(nearest("nodeselector", known.iter()), Some("nodeSelector"));
        assert_eq!(nearest("vlouems", known.iter()), None);
        assert_eq!(nearest("something", known.iter()), None);
    }

    #[test]
    fn distance_counts_edits() {
        for (left, right, edits) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(distance(left, right), edits, "{left} {right}");
        }
    }
}
