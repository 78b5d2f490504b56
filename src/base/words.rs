//! What files and libraries say, as a message may repeat it.

/// Letters of a message's part beyond which its middle is left out.
const LONGEST: usize = 900;

/// What libraries call kinds of numbers, and what users do.
const TYPES: [(&str, &str); 12] = [
    ("expected usize", "expected a whole number from 0 on"),
    ("expected u64", "expected a whole number from 0 on"),
    ("expected u32", "expected a whole number from 0 on"),
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected i64", "expected a whole number"),
    ("expected i32", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected f32", "expected a number"),
    (" as i128", ""),
    (" as u128", ""),
    ("u64 value was too large", "the number is too large"),
    ("i64 value was too large", "the number is too large"),
];

/// `text` without what would command the terminal or hide its own order, and not longer than a reader bears.
pub fn shown(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match unseen(c) {
            true => plain.extend(c.escape_default()),
            false => plain.push(c),
        }
    }
    let letters: Vec<char> = plain.chars().collect();
    if letters.len() <= LONGEST {
        return plain;
    }
    let (head, tail) = (
        &letters[..LONGEST * 3 / 4],
        &letters[letters.len() - LONGEST / 4..],
    );
    head.iter().chain(&[' ', '…', ' ']).chain(tail).collect()
}

/// [`shown`], with a user's words for a library's types.
pub fn plain(text: &str) -> String {
    let swapped = TYPES.iter().fold(text.to_owned(), |text, (theirs, ours)| {
        text.replace(theirs, ours)
    });
    shown(&swapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_cannot_command_the_terminal() {
        assert_eq!(
            shown("a\u{1b}[2Jb\tc\u{202e}d\u{0}é\n"),
            "a\\u{1b}[2Jb\\tc\\u{202e}d\\u{0}é\n"
        );
    }

    #[test]
    fn the_middle_of_an_endless_word_is_left_out() {
        let text = format!("unknown key `{}`, here", "é".repeat(20_000));
        let short = shown(&text);
        assert!(short.chars().count() < 1000, "{short}");
        assert!(short.starts_with("unknown key `é") && short.ends_with("é`, here"));
        let whole = "x".repeat(LONGEST);
        assert_eq!(shown(&whole), whole);
    }

    #[test]
    fn types_have_names_for_users() {
        let text = "invalid type: floating point `0.5`, expected usize";
        assert_eq!(
            plain(text),
            "invalid type: floating point `0.5`, expected a whole number from 0 on"
        );
    }
}
