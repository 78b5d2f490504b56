//! HTML and SVG elements: what is written is well-formed and escaped because nothing else can be built.

use std::fmt::Write;

/// Elements of HTML that have no end tag.
const VOID: [&str; 3] = ["br", "hr", "input"];

/// An element with its contents, as text.
#[derive(Clone, Debug)]
pub struct Markup {
    name: &'static str,
    attributes: String,
    contents: String,
}

impl Markup {
    /// `<name></name>`.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: String::new(),
            contents: String::new(),
        }
    }

    /// `<name class="class">`.
    pub fn of(name: &'static str, class: &str) -> Self {
        Self::new(name).with("class", class)
    }

    /// With the attribute `key="value"`.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        let value = escaped(&value.to_string());
        let _ = write!(self.attributes, " {key}=\"{value}\"");
        self
    }

    /// With `text` at the end.
    pub fn text(mut self, text: impl AsRef<str>) -> Self {
        self.contents += &escaped(text.as_ref());
        self
    }

    /// With `child` at the end.
    pub fn child(mut self, child: Markup) -> Self {
        self.push(child);
        self
    }

    /// With `children` at the end.
    pub fn children(mut self, children: impl IntoIterator<Item = Markup>) -> Self {
        children.into_iter().for_each(|child| self.push(child));
        self
    }

    /// Adds `child` at the end.
    pub fn push(&mut self, child: Markup) {
        child.write(&mut self.contents);
    }

    fn write(&self, out: &mut String) {
        let Self {
            name,
            attributes,
            contents,
        } = self;
        let _ = match VOID.contains(name) {
            true => write!(out, "<{name}{attributes}/>"),
            false => write!(out, "<{name}{attributes}>{contents}</{name}>"),
        };
    }

    /// The element as text.
    pub fn html(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }
}

/// `text` with what HTML would take for its own written as entities.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // No reader takes these, and some refuse the whole file for one.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_are_escaped() {
        let link = Markup::new("a").with("href", "x\"y").text("<b>&\u{1}");
        let html = Markup::of("p", "note").child(link).child(Markup::new("br"));
        assert_eq!(
            html.html(),
            "<p class=\"note\"><a href=\"x&quot;y\">&lt;b&gt;&amp;\u{fffd}</a><br/></p>"
        );
    }
}
