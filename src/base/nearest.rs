//! Which name was meant by a word that is none.

/// Says which of `names` was meant by `word`, or else all of them.
pub fn among(word: &str, names: &[&str]) -> String {
    match nearest(word, names) {
        Some(name) => format!("did you mean `{name}`? All: {}", names.join(", ")),
        None => format!("give one of: {}", names.join(", ")),
    }
}

/// The name that is at most two letters, or a third of its length, from `word`.
pub fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let far = |name: &&&str| distance(word, name);
    let name = names.iter().min_by_key(far)?;
    let most = (name.chars().count() / 3).clamp(1, 3);
    (distance(word, name) <= most).then_some(*name)
}

/// Letters to insert, drop or change.
fn distance(a: &str, b: &str) -> usize {
    // What is long is no slip of the keys.
    let letters = |text: &str| text.chars().take(64).collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keys_finds_its_name() {
        let names = ["updates", "eval_every", "lambda"];
        assert_eq!(nearest("updatez", &names), Some("updates"));
        assert_eq!(nearest("lamda", &names), Some("lambda"));
        assert_eq!(nearest("physics", &names), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
