//! Flags as messages and config files see them: their names, and the values that they take.

use std::any::TypeId;

use clap::{Arg, ArgAction, Command};
use toml::Value;

use crate::range::Range;

/// The flag of a field: `qf_lr` → `--qf-lr`.
pub fn name(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// What a value is refused for, and the help.
pub type Refused = (String, String);

/// What a flag takes.
enum Kind {
    Number,
    Whole,
    /// Whole numbers, apart by commas.
    Wholes,
    Switch,
    /// One of these names.
    Name(Vec<String>),
    Text,
}

impl Kind {
    fn of(arg: &Arg) -> Self {
        let kind = arg.get_value_parser().type_id();
        let is = |id: TypeId| kind == id;
        let names = arg.get_possible_values();
        if is(TypeId::of::<bool>()) {
            Self::Switch
        } else if is(TypeId::of::<f64>()) {
            Self::Number
        } else if is(TypeId::of::<usize>()) && arg.get_value_delimiter().is_some() {
            Self::Wholes
        } else if [TypeId::of::<usize>(), TypeId::of::<u64>()]
            .into_iter()
            .any(is)
        {
            Self::Whole
        } else if !names.is_empty() {
            Self::Name(names.iter().map(|v| v.get_name().to_owned()).collect())
        } else {
            Self::Text
        }
    }

    /// What is due, and how it is written.
    fn due(&self) -> [String; 2] {
        let [due, help] = match self {
            Self::Number => ["a number is", "write a number, such as 0.5"],
            Self::Whole => ["a whole number is", "write a whole number, such as 1000"],
            Self::Wholes => [
                "a list of whole numbers is",
                "write a list, such as [256, 256]",
            ],
            Self::Switch => ["true or false is", "write true or false, without quotes"],
            Self::Name(names) => {
                let help = format!("write one of these in quotes: {}", names.join(", "));
                return ["a name is".into(), help];
            }
            Self::Text => ["text is", "put it in quotes"],
        };
        [due.into(), help.into()]
    }
}

/// `value`, which a file gives for `arg`, as its field takes it; a whole number may be written as 1e3.
///
/// # Errors
/// Where it is of another kind: what is wrong, and the help.
pub fn value(arg: &Arg, value: &Value) -> Result<Value, Refused> {
    let kind = Kind::of(arg);
    let wrong = || {
        let [due, help] = kind.due();
        let unquoted = value.as_str().map(str::trim).filter(|text| {
            let plain = text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok();
            plain && !matches!(kind, Kind::Name(_))
        });
        let help = unquoted.map_or(help, |text| format!("write {text}, without the quotes"));
        (format!("is {}, where {due} due", shown(value)), help)
    };
    match (&kind, value) {
        (Kind::Number, Value::Float(_)) | (Kind::Switch, Value::Boolean(_)) => Ok(value.clone()),
        (Kind::Number, Value::Integer(n)) => Ok(Value::Float(*n as f64)),
        (Kind::Whole, Value::Integer(_) | Value::Float(_)) => whole(value).ok_or_else(wrong),
        (Kind::Wholes, Value::Array(all)) => {
            let all: Option<Vec<_>> = all.iter().map(whole).collect();
            all.map(Value::Array).ok_or_else(wrong)
        }
        (Kind::Wholes, one) => whole(one).map(|n| Value::Array(vec![n])).ok_or_else(wrong),
        (Kind::Name(names), Value::String(text)) => match names.contains(text) {
            true => Ok(value.clone()),
            false => Err((format!("there is no `{text}`"), among(text, names))),
        },
        (Kind::Text, Value::String(_)) => Ok(value.clone()),
        _ => Err(wrong()),
    }
}

/// A whole number, 0 or more, also one that is written with a fraction of 0 or an exponent.
fn whole(value: &Value) -> Option<Value> {
    match value {
        Value::Integer(n) if *n >= 0 => Some(value.clone()),
        Value::Float(x) if x.fract() == 0.0 && (0.0..i64::MAX as f64).contains(x) => {
            Some(Value::Integer(*x as i64))
        }
        _ => None,
    }
}

/// A value and its kind, for messages.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text \"{text}\""),
        Value::Array(_) => format!("the list {value}"),
        Value::Table(_) => "a table".into(),
        Value::Datetime(_) => format!("the date {value}"),
        other => other.to_string(),
    }
}

/// Says which of `names` was meant by `word`, or else all of them.
pub fn among(word: &str, names: &[String]) -> String {
    match nearest(word, names) {
        Some(name) => format!("did you mean `{name}`? All: {}", names.join(", ")),
        None => format!("give one of: {}", names.join(", ")),
    }
}

/// The name that is at most two letters, or a third of its length, from `word`.
pub fn nearest<'a>(word: &str, names: &'a [String]) -> Option<&'a str> {
    let far = |name: &&String| distance(word, name);
    let name = names.iter().min_by_key(far)?;
    let most = (name.chars().count() / 3).clamp(1, 3);
    (distance(word, name) <= most).then_some(name)
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

/// Numbers of every subcommand may be negative, so that what refuses them is their own range. Otherwise `-1` would
/// be taken for a flag.
pub fn with_negatives(command: Command) -> Command {
    let number = |arg: &Arg| {
        let kind = Kind::of(arg);
        let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        let numeric = matches!(kind, Kind::Number | Kind::Whole | Kind::Wholes);
        takes && (numeric || arg.get_id() == "seeds")
    };
    let command = command.mut_args(|arg| match number(&arg) {
        true => arg.allow_hyphen_values(true),
        false => arg,
    });
    command.mut_subcommands(with_negatives)
}

/// `arg` with its range said in its help, if it is one of `ranges`.
pub fn with_range(arg: Arg, ranges: &[(&str, Range)]) -> Arg {
    let known = ranges.iter().find(|(key, _)| arg.get_id() == *key);
    let Some((_, range)) = known else {
        return arg;
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.help(format!("{help} ({range})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keys_finds_its_name() {
        let names: Vec<String> = ["updates", "eval_every", "lambda"].map(String::from).into();
        assert_eq!(nearest("updatez", &names), Some("updates"));
        assert_eq!(nearest("lamda", &names), Some("lambda"));
        assert_eq!(nearest("physics", &names), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
