//! "Did you mean": the known word nearest to an unknown one.

/// The candidate nearest to `word`, if any is near enough to be what was meant. Case, hyphens and
/// underscores do not count, so `readTimeout` finds `read_timeout`.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = simplified(word);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = simplified(candidate);
            let longer = plain.chars().count().max(other.chars().count());
            let distance = distance(&plain, &other);
            (distance <= (longer / 3).clamp(1, 3)).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// The setting or section that the unknown `path` was probably meant to be: first among its
/// siblings, then anywhere, then one of the same last name in another section.
pub(crate) fn setting<'a>(path: &str, keys: &[&'a str]) -> Option<String> {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let inside = if parent.is_empty() { String::new() } else { format!("{parent}.") };
    let siblings =
        keys.iter().filter_map(|key| key.strip_prefix(inside.as_str())?.split('.').next());
    if let Some(sibling) = nearest(name, siblings) {
        return Some(format!("{inside}{sibling}"));
    }
    let last = |key: &&&'a str| key.rsplit('.').next() == Some(name);
    nearest(path, keys.iter().copied())
        .or_else(|| keys.iter().find(last).copied())
        .map(str::to_owned)
}

/// Levenshtein distance: insertions, deletions and replacements of characters.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let at =
                |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&row, j) + usize::from(a != *b);
            next.push(replaced.min(at(&row, j + 1) + 1).min(at(&next, j) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn simplified(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
}
