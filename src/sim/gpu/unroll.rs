//! Unrolls the loops of a shader whose bounds are constants of the model.
//!
//! A private array stays in registers only while every index into it is a constant. Whether a
//! driver unrolls a loop is its own decision, so it is done here: `for (var b = 1u; b < NB; b++)`
//! becomes one block an iteration with `const b = 1u;`, and a `let` whose value follows from
//! constants alone becomes a `const` too. Loops that are to remain loops are `loop` or `while`.

use std::collections::HashMap;

/// Constants by name: a number is a list of one.
pub type ConstantValues = HashMap<String, Vec<i64>>;

/// `source` with every `for` written out, and every `parameter(FIELD)` that `literals` holds as its
/// value.
///
/// # Errors
/// The header of a loop whose bounds are not constants.
pub fn unroll(
    source: &str,
    constants: &ConstantValues,
    literals: &[f32],
) -> Result<String, String> {
    let bare: String = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut out = String::with_capacity(8 * bare.len());
    expand(&bare, &mut constants.clone(), literals, &mut out)?;
    Ok(out)
}

/// Copies `text`, writing out its loops; `known` gains the constants it meets.
fn expand(
    text: &str,
    known: &mut ConstantValues,
    literals: &[f32],
    out: &mut String,
) -> Result<(), String> {
    let mut rest = text;
    while let Some((at, word)) = next_keyword(rest) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match word {
            "let" => {
                let end = rest.find(';').ok_or("a `let` without end")? + 1;
                rest = match constant(&rest[..end], known) {
                    Some(statement) => {
                        out.push_str(&statement);
                        &rest[end..]
                    }
                    None => keep(rest, word, out),
                };
            }
            "parameter" => {
                rest = match literal(rest, known, literals) {
                    Some((value, end)) => {
                        out.push_str(&format!("({value:?}f)"));
                        &rest[end..]
                    }
                    None => keep(rest, word, out),
                };
            }
            _ => {
                let open = rest.find('{').ok_or("a `for` without body")?;
                let header = rest[..open].trim();
                let body = block(&rest[open..]).ok_or("a `for` whose body does not end")?;
                let (name, from, to) = bounds(header, known)
                    .ok_or_else(|| format!("{header}: bounds are not constants"))?;
                for value in from..to {
                    let mut inner = known.clone();
                    inner.insert(name.to_owned(), vec![value]);
                    out.push_str(&format!("{{ const {name} = {value}u;"));
                    expand(body, &mut inner, literals, out)?;
                    out.push_str("}\n");
                }
                rest = &rest[open + body.len() + 2..];
            }
        }
    }
    out.push_str(rest);
    Ok(())
}

/// Copies `word`, which `rest` begins with; what follows it.
fn keep<'a>(rest: &'a str, word: &str, out: &mut String) -> &'a str {
    out.push_str(word);
    &rest[word.len()..]
}

/// Value of the call `parameter(FIELD)` that `text` begins with, and where it ends.
fn literal(text: &str, known: &ConstantValues, literals: &[f32]) -> Option<(f32, usize)> {
    let field = text.strip_prefix("parameter(")?;
    let close = field.find(')')?;
    let at = usize::try_from(value(&field[..close], known)?).ok()?;
    let number = literals.get(at).filter(|x| x.is_finite())?;
    Some((*number, "parameter(".len() + close + 1))
}

/// The first `for`, `let` or `parameter`, and where it is.
fn next_keyword(text: &str) -> Option<(usize, &'static str)> {
    let find = |word: &'static str| {
        let starts = |at: usize| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(name_part) && !after.is_some_and(name_part)
        };
        let mut places = text.match_indices(word).map(|(at, _)| at);
        places.find(|at| starts(*at)).map(|at| (at, word))
    };
    [find("for"), find("let"), find("parameter")]
        .into_iter()
        .flatten()
        .min()
}

fn name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What stands between the braces that `text` begins with.
fn block(text: &str) -> Option<&str> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return Some(&text[1..at]);
        }
    }
    None
}

/// Name, first value and end of `for (var NAME = FROM; NAME < TO; NAME++)`.
fn bounds<'a>(header: &'a str, known: &ConstantValues) -> Option<(&'a str, i64, i64)> {
    let inside = header.strip_prefix("for")?.trim();
    let inside = inside.strip_prefix('(')?.strip_suffix(')')?;
    let mut parts = inside.split(';').map(str::trim);
    let (start, end, next) = (parts.next()?, parts.next()?, parts.next()?);
    let (name, from) = start.strip_prefix("var ")?.split_once('=')?;
    let name = name.trim();
    let to = end.strip_prefix(name)?.trim().strip_prefix('<')?;
    (next == format!("{name}++")).then_some(())?;
    Some((name, value(from, known)?, value(to, known)?))
}

/// The statement `let NAME = VALUE;` as a `const`, where the value is known.
fn constant(statement: &str, known: &mut ConstantValues) -> Option<String> {
    let (name, is) = statement.strip_prefix("let")?.split_once('=')?;
    let name = name.trim();
    // It may hide a constant of that name.
    known.remove(name);
    let value = value(is.strip_suffix(';')?, known)?;
    known.insert(name.to_owned(), vec![value]);
    Some(format!("const {name} = {value}u;"))
}

/// Value of a whole-number expression.
fn value(text: &str, known: &ConstantValues) -> Option<i64> {
    let mut reader = Reader {
        rest: text.trim(),
        known,
    };
    let value = reader.sum()?;
    // Shaders compute with u32.
    (reader.rest.is_empty() && value >= 0).then_some(value)
}

/// Recursive descent over sums, products, names, elements and `min(a, b)`.
struct Reader<'a> {
    rest: &'a str,
    known: &'a ConstantValues,
}

impl<'a> Reader<'a> {
    fn eat(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(c)?.trim_start();
        Some(())
    }

    fn sum(&mut self) -> Option<i64> {
        let mut sum = self.product()?;
        loop {
            if self.eat('+').is_some() {
                sum += self.product()?;
            } else if self.eat('-').is_some() {
                sum -= self.product()?;
            } else {
                return Some(sum);
            }
        }
    }

    fn product(&mut self) -> Option<i64> {
        let mut product = self.atom()?;
        loop {
            if self.eat('*').is_some() {
                product *= self.atom()?;
            } else if self.eat('/').is_some() {
                product = product.checked_div(self.atom()?)?;
            } else if self.eat('%').is_some() {
                product = product.checked_rem(self.atom()?)?;
            } else {
                return Some(product);
            }
        }
    }

    fn atom(&mut self) -> Option<i64> {
        if self.eat('(').is_some() {
            let value = self.sum()?;
            self.eat(')')?;
            return Some(value);
        }
        let word = self.word();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.strip_suffix('u').unwrap_or(word).parse().ok();
        }
        if word == "min" {
            self.eat('(')?;
            let a = self.sum()?;
            self.eat(',')?;
            let b = self.sum()?;
            self.eat(')')?;
            return Some(a.min(b));
        }
        let values = self.known.get(word)?;
        if self.eat('[').is_some() {
            let at = self.sum()?;
            self.eat(']')?;
            return values.get(usize::try_from(at).ok()?).copied();
        }
        match values[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c| !name_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_loops_follow_tables() {
        let known = ConstantValues::from([
            ("N".into(), vec![3]),
            ("LEN".into(), vec![0, 2, 1]),
            ("AT".into(), vec![7, 8, 9]),
        ]);
        let source = "for (var i = 1u; i < N; i++) { // all but the first
            let at = AT[i] - 1u;
            let y = f(at);
            for (var k = 0u; k < min(LEN[i], 5u); k++) { x[at + k] = y; }
        } // for (never; 1; 2) { }
        let before = before_let;";
        let text = unroll(source, &known, &[]).expect("constant bounds");
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "{ const i = 1u; const at = 7u; let y = f(at); \
             { const k = 0u; x[at + k] = y; } { const k = 1u; x[at + k] = y; } } \
             { const i = 2u; const at = 8u; let y = f(at); { const k = 0u; x[at + k] = y; } } \
             let before = before_let;"
        );
    }

    #[test]
    fn parameters_become_literals_where_they_are_known() {
        let known = ConstantValues::from([("MASS".into(), vec![1]), ("N".into(), vec![2])]);
        let source =
            "for (var b = 0u; b < N; b++) { let m = parameter(MASS + b) * parameter(kind); }";
        let text = unroll(source, &known, &[9.0, 0.5, f32::INFINITY]).expect("constant bounds");
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>().join(" "),
            "{ const b = 0u; let m = (0.5f) * parameter(kind); } \
             { const b = 1u; let m = parameter(MASS + b) * parameter(kind); }"
        );
    }

    #[test]
    fn a_loop_without_constant_bounds_is_named() {
        let error = unroll(
            "for (var i = 0u; i < count; i++) { }",
            &ConstantValues::new(),
            &[],
        );
        assert!(error.is_err_and(|e| e.contains("i < count")));
    }
}
