//! Pages for a browser: one HTML file each, which needs nothing beside it and no network.

mod element;

pub use element::{Markup, escaped};

const PAGE: &str = include_str!("page.html");
const THEME_STYLE: &str = include_str!("theme.css");
const THEME_SCRIPT: &str = include_str!("theme.js");

/// The page called `title` with `body`, which has a button `#theme` that switches between light and dark, and the
/// styles and scripts that it needs beside those of every page.
pub fn whole(title: &str, styles: &[&str], body: &str, scripts: &[&str]) -> String {
    PAGE.replace("{{title}}", &escaped(title))
        .replace("{{style}}", &[&[THEME_STYLE], styles].concat().join("\n"))
        .replace(
            "{{script}}",
            &[&[THEME_SCRIPT], scripts].concat().join("\n"),
        )
        .replace("{{body}}", body)
}
