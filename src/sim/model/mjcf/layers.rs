//! Attributes of an element laid over those of its default classes.

use crate::error::{Error, Result};
use roxmltree::{Document, Node};
use std::collections::HashMap;

/// Most default classes within one another. Each holds the chain of those around it.
const MOST_CLASSES: usize = 64;

/// A document and its name for messages.
pub(super) struct Reader<'a> {
    pub source: &'a str,
    pub doc: &'a Document<'a>,
}

impl Reader<'_> {
    pub fn line(&self, node: Node) -> u32 {
        self.doc.text_pos_at(node.range().start).row
    }

    /// Error at the line of `node`.
    pub fn refuse(&self, node: Node, problem: impl ToString, supported: impl ToString) -> Error {
        Error::input(
            format!("{}:{}", self.source, self.line(node)),
            problem,
            supported,
        )
    }
}

/// What an element may hold. What is ignored does not touch the dynamics.
pub(super) struct Element {
    pub attributes: &'static [&'static str],
    pub ignored_attributes: &'static [&'static str],
    pub children: &'static [&'static str],
    pub ignored_children: &'static [&'static str],
}

impl Element {
    /// Refuses attributes and children that are neither supported nor harmless.
    pub fn check(&self, reader: &Reader, node: Node) -> Result<()> {
        let tag = node.tag_name().name();
        for attribute in node.attributes() {
            let name = attribute.name();
            if !self.attributes.contains(&name) && !self.ignored_attributes.contains(&name) {
                let row = reader.doc.text_pos_at(attribute.range().start).row;
                return Err(Error::input(
                    format!("{}:{row}", reader.source),
                    format!("attribute `{name}` of <{tag}> is not supported"),
                    listing("attributes", tag, self.attributes, self.ignored_attributes),
                ));
            }
        }
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            if !self.children.contains(&name) && !self.ignored_children.contains(&name) {
                return Err(reader.refuse(
                    child,
                    format!("element <{name}> in <{tag}> is not supported"),
                    listing("elements", tag, self.children, self.ignored_children),
                ));
            }
        }
        Ok(())
    }
}

fn listing(what: &str, tag: &str, supported: &[&str], ignored: &[&str]) -> String {
    let join = |names: &[&str]| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let mut text = format!("supported {what} of <{tag}>: {}", join(supported));
    if !ignored.is_empty() {
        text += &format!("; accepted without effect: {}", join(ignored));
    }
    text
}

/// The default classes of a file.
pub(super) struct Defaults<'a> {
    /// Class → its <default> elements, outermost first.
    classes: HashMap<String, Vec<Node<'a, 'a>>>,
}

impl<'a> Defaults<'a> {
    pub fn read(
        reader: &Reader<'a>,
        sections: impl Iterator<Item = Node<'a, 'a>>,
        shape: &Element,
        inner: fn(&str) -> Option<&'static Element>,
    ) -> Result<Self> {
        let mut defaults = Self {
            classes: HashMap::from([("main".to_owned(), Vec::new())]),
        };
        for section in sections {
            let class = section.attribute("class").unwrap_or("main");
            if class != "main" {
                return Err(reader.refuse(
                    section,
                    format!("the outermost <default> has class `{class}`"),
                    "leave its class out, and nest <default class=\"...\"> inside it",
                ));
            }
            defaults.add(reader, section, "main", &[], shape, inner)?;
        }
        Ok(defaults)
    }

    fn add(
        &mut self,
        reader: &Reader<'a>,
        node: Node<'a, 'a>,
        class: &str,
        outer: &[Node<'a, 'a>],
        shape: &Element,
        inner: fn(&str) -> Option<&'static Element>,
    ) -> Result<()> {
        shape.check(reader, node)?;
        let chain = self.classes.entry(class.to_owned()).or_default();
        if chain.is_empty() {
            chain.extend(outer);
        }
        if chain.len() >= MOST_CLASSES {
            return Err(reader.refuse(
                node,
                format!("more than {MOST_CLASSES} <default> within one another"),
                "nest fewer classes",
            ));
        }
        chain.push(node);
        let chain = chain.clone();
        for child in node.children().filter(Node::is_element) {
            if let Some(element) = inner(child.tag_name().name()) {
                element.check(reader, child)?;
            }
            if child.has_tag_name("default") {
                let Some(name) = child.attribute("class") else {
                    return Err(reader.refuse(
                        child,
                        "a nested <default> without a class",
                        "<default class=\"name\">",
                    ));
                };
                if self.classes.contains_key(name) {
                    return Err(reader.refuse(
                        child,
                        format!("a second default class `{name}`"),
                        "give every class a name of its own",
                    ));
                }
                self.add(reader, child, name, &chain, shape, inner)?;
            }
        }
        Ok(())
    }

    /// `node` over the defaults of its class: its own `class`, else the body's `childclass`.
    pub fn layers<'r>(
        &self,
        reader: &'r Reader<'a>,
        tag: &str,
        node: Node<'a, 'a>,
        childclass: &str,
    ) -> Result<Layers<'a, 'r>> {
        let class = node.attribute("class").unwrap_or(childclass);
        let Some(chain) = self.classes.get(class) else {
            let mut known: Vec<&str> = self.classes.keys().map(String::as_str).collect();
            known.sort_unstable();
            return Err(reader.refuse(
                node,
                format!("there is no default class `{class}`"),
                format!("classes of this file: {}", known.join(", ")),
            ));
        };
        let defaults = chain
            .iter()
            .flat_map(|d| d.children())
            .filter(|n| n.has_tag_name(tag));
        Ok(Layers::new(reader, defaults.chain([node])))
    }
}

/// An element's attributes: the later layer wins, and a shorter vector leaves the tail of the one below it, as MuJoCo reads them.
pub(super) struct Layers<'a, 'r> {
    reader: &'r Reader<'a>,
    nodes: Vec<Node<'a, 'a>>,
}

impl<'a, 'r> Layers<'a, 'r> {
    pub fn new(reader: &'r Reader<'a>, nodes: impl IntoIterator<Item = Node<'a, 'a>>) -> Self {
        Self {
            reader,
            nodes: nodes.into_iter().collect(),
        }
    }

    pub fn check(&self, element: &Element) -> Result<()> {
        self.nodes
            .iter()
            .try_for_each(|&n| element.check(self.reader, n))
    }

    /// Line of the element itself.
    pub fn line(&self) -> u32 {
        self.nodes.last().map_or(1, |&n| self.reader.line(n))
    }

    /// Error at the element itself.
    pub fn refuse(&self, problem: impl ToString, supported: impl ToString) -> Error {
        Error::input(
            format!("{}:{}", self.reader.source, self.line()),
            problem,
            supported,
        )
    }

    /// The element's own name, or `kind` and its index.
    pub fn name(&self, kind: &str, index: usize) -> String {
        let own = self.nodes.last().and_then(|n| n.attribute("name"));
        own.map_or_else(|| format!("{kind}{index}"), str::to_owned)
    }

    /// All given values of an attribute, lowest layer first.
    fn given(&self, attribute: &str) -> impl Iterator<Item = (Node<'a, 'a>, &'a str)> {
        self.nodes
            .iter()
            .filter_map(move |n| Some((*n, n.attribute(attribute)?)))
    }

    /// A word out of `allowed`; `None` when absent.
    pub fn keyword(&self, attribute: &str, allowed: &[&str]) -> Result<Option<&'a str>> {
        let Some((node, value)) = self.given(attribute).last() else {
            return Ok(None);
        };
        if allowed.contains(&value) {
            return Ok(Some(value));
        }
        Err(self.reader.refuse(
            node,
            format!(
                "{attribute}=\"{value}\" of <{}> is not supported",
                node.tag_name().name()
            ),
            format!("supported values: {}", allowed.join(", ")),
        ))
    }

    /// `least..=most` numbers of one layer.
    fn numbers(
        &self,
        node: Node,
        attribute: &str,
        text: &str,
        least: usize,
        most: usize,
    ) -> Result<Vec<f64>> {
        let wrong = |problem: String, help: String| Err(self.reader.refuse(node, problem, help));
        let mut values = Vec::new();
        for word in text.split_whitespace() {
            match word.parse::<f64>() {
                Ok(x) if x.is_finite() => values.push(x),
                _ => {
                    return wrong(
                        format!("`{word}` in {attribute}=\"{text}\" is no finite number"),
                        "write decimal numbers with spaces between".to_owned(),
                    );
                }
            }
        }
        if values.len() < least || values.len() > most {
            let count = if least == most {
                format!("{most}")
            } else {
                format!("{least} to {most}")
            };
            return wrong(
                format!("{attribute}=\"{text}\" has {} numbers", values.len()),
                format!("{attribute} takes {count}"),
            );
        }
        Ok(values)
    }

    /// N numbers, at least `least` a layer, over `base`.
    pub fn vector<const N: usize>(
        &self,
        attribute: &str,
        base: [f64; N],
        least: usize,
    ) -> Result<[f64; N]> {
        let mut v = base;
        for (node, text) in self.given(attribute) {
            for (to, from) in v
                .iter_mut()
                .zip(self.numbers(node, attribute, text, least, N)?)
            {
                *to = from;
            }
        }
        Ok(v)
    }

    /// The numbers that an attribute begins with, over `base`: MuJoCo 2.1 reads `0.2/2 0 0.1`, which published
    /// files have as the place of a body, as 0.2 and stops there.
    pub fn prefix<const N: usize>(&self, attribute: &str, base: [f64; N]) -> [f64; N] {
        let mut v = base;
        let text = self.given(attribute).last().map_or("", |(_, text)| text);
        for (to, word) in v.iter_mut().zip(text.split_whitespace()) {
            let end = word.find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c));
            let Ok(x) = word[..end.unwrap_or(word.len())].parse() else {
                break;
            };
            *to = x;
            if end.is_some() {
                break;
            }
        }
        v
    }

    /// N numbers, or `None` when absent.
    pub fn vector_opt<const N: usize>(&self, attribute: &str) -> Result<Option<[f64; N]>> {
        match self.given(attribute).last() {
            Some(_) => self.vector(attribute, [0.0; N], N).map(Some),
            None => Ok(None),
        }
    }

    /// Up to three numbers laid over each other, cut to `most`.
    pub fn list(&self, attribute: &str, most: usize) -> Result<Vec<f64>> {
        let mut v: Vec<f64> = Vec::new();
        for (node, text) in self.given(attribute) {
            let own = self.numbers(node, attribute, text, 1, 3)?;
            let tail = v.split_off(own.len().min(v.len()));
            v = own;
            v.extend(tail);
        }
        v.truncate(most);
        Ok(v)
    }

    pub fn number(&self, attribute: &str, base: f64) -> Result<f64> {
        Ok(self.vector(attribute, [base], 1)?[0])
    }

    pub fn number_opt(&self, attribute: &str) -> Result<Option<f64>> {
        Ok(self.vector_opt::<1>(attribute)?.map(|[x]| x))
    }

    pub fn integer(&self, attribute: &str, base: u32) -> Result<u32> {
        let Some((node, text)) = self.given(attribute).last() else {
            return Ok(base);
        };
        text.trim().parse().map_err(|_| {
            self.reader.refuse(
                node,
                format!("{attribute}=\"{text}\" is no whole number of 0 or more"),
                format!("say {attribute}=\"{base}\""),
            )
        })
    }

    /// Refuses any other value than `value`.
    pub fn only(&self, attribute: &str, value: f64) -> Result<()> {
        if self.number(attribute, value)? == value {
            return Ok(());
        }
        Err(self.refuse(
            format!("`{attribute}` is not {value}"),
            format!("{attribute}=\"{value}\" is supported"),
        ))
    }
}
