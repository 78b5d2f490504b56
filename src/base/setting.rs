//! Settings as tables: what each is called, says and takes. Flags, config files and checks read the same table.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::choice::Choice;
use crate::error::{Error, Result};
use crate::nearest::among;
use crate::range::Range;

/// What a value is refused for, and the help.
pub type Refused = (String, String);

/// One setting, as [`settings!`](crate::settings) declares it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name in files, and its field's.
    pub key: &'static str,
    /// Its documentation as it is written.
    pub doc: &'static str,
    /// What kind of value it takes.
    pub kind: SettingKind,
    /// Which numbers, where it takes numbers.
    pub range: Option<Range>,
}

/// What kind of value a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// A number.
    Number,
    /// A whole number, 0 or more.
    Whole,
    /// Whole numbers.
    Wholes,
    /// True or false.
    Switch,
    /// One of these names, each with its help.
    Name(fn() -> Vec<(&'static str, &'static str)>),
    /// Any text.
    Text,
    /// Values of a form of their own, as this function takes them.
    Own(fn(&Value) -> std::result::Result<Value, Refused>),
}

/// A type that a setting may have.
pub trait SettingType {
    /// What it takes.
    const KIND: SettingKind;
}

macro_rules! fields {
    ($($type:ty: $kind:ident,)*) => {
        $(impl SettingType for $type { const KIND: SettingKind = SettingKind::$kind; })*
    };
}
fields! { f64: Number, usize: Whole, u64: Whole, Vec<usize>: Wholes, bool: Switch, String: Text, }

impl<T: SettingType> SettingType for Option<T> {
    const KIND: SettingKind = T::KIND;
}

impl<T: Choice> SettingType for T {
    const KIND: SettingKind = SettingKind::Name(|| {
        T::ALL
            .iter()
            .map(|(_, name, help)| (*name, *help))
            .collect()
    });
}

/// A struct that [`settings!`](crate::settings) has made.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Its settings, in the order of the fields.
    const ALL: &'static [Setting];

    /// All values as TOML; what is none is left out.
    ///
    /// # Errors
    /// Where a number has more than TOML's 63 bits.
    fn table(&self) -> Result<Table> {
        Table::try_from(self).map_err(|e| Error::input("settings", e, "give smaller numbers"))
    }

    /// `given`, each value as its field takes it.
    ///
    /// # Errors
    /// Where a key is unknown, or its value of another kind or out of its range; the place is the key.
    fn typed(given: &Table) -> Result<Table> {
        let typed = |(key, value): (&String, &Value)| {
            let setting = Self::setting(key).ok_or_else(|| {
                let keys: Vec<&str> = Self::ALL.iter().map(|setting| setting.key).collect();
                Error::input(key, "there is no such setting", among(key, &keys))
            })?;
            Ok((key.clone(), setting.value(value)?))
        };
        given.iter().map(typed).collect()
    }

    /// `given` over the defaults.
    ///
    /// # Errors
    /// Those of [`typed`](Self::typed).
    fn over_defaults(given: &Table) -> Result<Self> {
        let mut all = Self::default().table()?;
        all.extend(Self::typed(given)?);
        Ok(all
            .try_into()
            .expect("checked values have the types of their fields"))
    }

    /// The setting called `key`.
    fn setting(key: &str) -> Option<&'static Setting> {
        Self::ALL.iter().find(|setting| setting.key == key)
    }
}

impl SettingKind {
    /// The value that a flag's text stands for.
    pub fn read(&self, text: &str) -> Value {
        match self {
            Self::Text | Self::Name(_) | Self::Own(_) => Value::String(text.to_owned()),
            Self::Wholes => Value::Array(text.split(',').map(literal).collect()),
            Self::Number | Self::Whole | Self::Switch => literal(text),
        }
    }

    /// `value` as a field of this kind takes it; a whole number may be written as 1e3.
    ///
    /// # Errors
    /// Where it is of another kind.
    pub fn take(&self, value: &Value) -> std::result::Result<Value, Refused> {
        let wrong = || {
            let [due, help] = self.due();
            let unquoted = value.as_str().map(str::trim).filter(|text| {
                let plain = text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok();
                plain && !matches!(self, Self::Name(_))
            });
            let help = unquoted.map_or(help, |text| format!("write {text}, without the quotes"));
            (format!("is {}, where {due} due", shown(value)), help)
        };
        match (self, value) {
            (Self::Number, Value::Float(_)) | (Self::Switch, Value::Boolean(_)) => {
                Ok(value.clone())
            }
            (Self::Number, Value::Integer(n)) => Ok(Value::Float(*n as f64)),
            (Self::Whole, Value::Float(x)) if *x >= i64::MAX as f64 && x.is_finite() => {
                let help = "give a smaller number".to_owned();
                Err((format!("is {x}, above {}", i64::MAX), help))
            }
            (Self::Whole, Value::Integer(_) | Value::Float(_)) => whole(value).ok_or_else(wrong),
            (Self::Wholes, Value::Array(all)) => {
                let all: Option<Vec<_>> = all.iter().map(whole).collect();
                all.map(Value::Array).ok_or_else(wrong)
            }
            (Self::Wholes, one) => whole(one).map(|n| Value::Array(vec![n])).ok_or_else(wrong),
            (Self::Name(names), Value::String(text)) => {
                let names: Vec<&str> = names().into_iter().map(|(name, _)| name).collect();
                match names.contains(&text.as_str()) {
                    true => Ok(value.clone()),
                    false => Err((format!("there is no `{text}`"), among(text, &names))),
                }
            }
            (Self::Text, Value::String(_)) => Ok(value.clone()),
            (Self::Own(take), _) => take(value),
            _ => Err(wrong()),
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
                let names: Vec<&str> = names().into_iter().map(|(name, _)| name).collect();
                let help = format!("write one of these in quotes: {}", names.join(", "));
                return ["a name is".into(), help];
            }
            Self::Text | Self::Own(_) => ["text is", "put it in quotes"],
        };
        [due.into(), help.into()]
    }
}

impl Setting {
    /// Its documentation in one line, without the period.
    pub fn help(&self) -> String {
        let words = self.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        words.trim_end_matches('.').to_owned()
    }

    /// `value` as its field takes it.
    ///
    /// # Errors
    /// Where it is of another kind, or out of its range; the place is the key.
    pub fn value(&self, value: &Value) -> Result<Value> {
        let value = (self.kind.take(value))
            .map_err(|(problem, help)| Error::input(self.key, problem, help))?;
        let Some(range) = self.range else {
            return Ok(value);
        };
        let check = |number: &Value| {
            let number = number.as_float().or(number.as_integer().map(|n| n as f64));
            number.map_or(Ok(()), |number| range.check(self.key, number))
        };
        match &value {
            Value::Array(all) if all.is_empty() => {
                return Err(range.refuse(self.key, "is an empty list"));
            }
            Value::Array(all) => all.iter().try_for_each(check)?,
            one => check(one)?,
        }
        Ok(value)
    }
}

/// A text as the TOML value that it looks like.
fn literal(text: &str) -> Value {
    if let Ok(v) = text.parse::<i64>() {
        Value::Integer(v)
    } else if let Ok(v) = text.parse::<f64>() {
        Value::Float(v)
    } else if let Ok(v) = text.parse::<bool>() {
        Value::Boolean(v)
    } else {
        Value::String(text.to_string())
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

/// Declares a struct of settings: of each its documentation, type, default and (a number's) range, in one place.
///
/// `: block` after the name splices in settings that several structs share: `block!` is a macro that hands its
/// fields on as `settings! { @add { fields } .. }`. `default key = value;` behind the struct gives a spliced setting
/// another default. `beside { fields }` adds fields that are no settings.
#[macro_export]
macro_rules! settings {
    (@splice $meta:tt $name:ident [] {$($fields:tt)*} {$($own:tt)*} $defaults:tt $beside:tt) => {
        $crate::settings! { @end $meta $name {$($fields)* $($own)*} $defaults $beside }
    };
    (@splice $meta:tt $name:ident [$block:ident $($rest:ident)*] $($state:tt)*) => {
        $block! { $meta $name [$($rest)*] $($state)* }
    };
    (@add {$($new:tt)*} $meta:tt $name:ident $rest:tt {$($fields:tt)*} $($state:tt)*) => {
        $crate::settings! { @splice $meta $name $rest {$($fields)* $($new)*} $($state)* }
    };
    (@range) => { None };
    (@range $range:ident) => { Some($crate::range::Range::$range) };
    (@end [$($meta:tt)*] $name:ident
        {$($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr $(=> $range:ident)?,)*}
        {$($again:ident = $other:expr;)*}
        {$($(#[$attr:meta])* $beside:ident: $of:ty,)*}
    ) => {
        $($meta)*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $type,)*
            $($(#[$attr])* pub $beside: $of,)*
        }

        impl Default for $name {
            fn default() -> Self {
                let all = Self { $($key: $default,)* $($beside: Default::default(),)* };
                $(let all = Self { $again: $other, ..all };)*
                all
            }
        }

        impl $crate::setting::Settings for $name {
            const ALL: &'static [$crate::setting::Setting] = &[$($crate::setting::Setting {
                key: stringify!($key),
                doc: concat!($($doc),+),
                kind: <$type as $crate::setting::SettingType>::KIND,
                range: $crate::settings!(@range $($range)?),
            },)*];
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(: $($block:ident),+)? {$($own:tt)*}
        $(default $again:ident = $other:expr;)*
        $(beside {$($beside:tt)*})?
    ) => {
        $crate::settings! {
            @splice [$(#[$meta])*] $name [$($($block)+)?] {} {$($own)*} {$($again = $other;)*} {$($($beside)*)?}
        }
    };
}
