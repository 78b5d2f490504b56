//! Answers of the page's server: the page, numbers as JSON, new lines of the metrics, a film of the policy.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};
use tiny_http::{Header, Request, Response, Server};

use super::board::{Board, WatchedPolicy};
use crate::run::page;
use crate::run::render::html::{PLAYER_SCRIPT, PLAYER_STYLE, data};

const BODY: &str = include_str!("watch.html");
const STYLE: &str = include_str!("watch.css");
const SCRIPT: &str = include_str!("watch.js");

/// Bytes of metrics in an answer, at most; the page asks again for the rest.
const MOST: u64 = 1 << 20;

/// An answer: status, type, contents.
type Answer = (u16, &'static str, String);

/// The film that was asked for last: of which policy, and as JSON.
type Shown = Option<(Arc<WatchedPolicy>, String)>;

/// Answers requests one after the other.
pub fn until_unblocked(server: &Server, board: &Board) {
    // Robots are stepped in a pool: not in the learner's, which would have to wait.
    let pool = ThreadPoolBuilder::new().num_threads(1);
    let pool = pool.thread_name(|_| "watch".into()).build().ok();
    let mut shown: Shown = None;
    for request in server.incoming_requests() {
        let (status, kind, text) = match local(&request) {
            true => answer(request.url(), board, pool.as_ref(), &mut shown),
            false => (
                403,
                "text/plain",
                "this page is for this machine alone".into(),
            ),
        };
        let header = |name: &str, value: &str| Header::from_bytes(name, value).ok();
        let mut response = Response::from_string(text).with_status_code(status);
        let headers = [
            header("Content-Type", &format!("{kind}; charset=utf-8")),
            header("Cache-Control", "no-store"),
            header("Content-Security-Policy", "frame-ancestors 'none'"),
            header("X-Content-Type-Options", "nosniff"),
        ];
        headers
            .into_iter()
            .flatten()
            .for_each(|h| response.add_header(h));
        // A browser that has gone away needs no answer.
        let _ = request.respond(response);
    }
}

/// Whether a request is meant for this machine: a page elsewhere could have its own name lead here.
fn local(request: &Request) -> bool {
    let host = request.headers().iter().find(|h| h.field.equiv("Host"));
    let host = host.map_or("", |h| h.value.as_str());
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost"].contains(&name)
}

fn answer(url: &str, board: &Board, pool: Option<&ThreadPool>, shown: &mut Shown) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let json = |text: String| (200, "application/json", text);
    match path {
        "/" => (200, "text/html", whole()),
        "/state" => json(serde_json::to_string(&board.state()).unwrap_or_default()),
        "/metrics" => {
            let from = query.strip_prefix("from=").and_then(|n| n.parse().ok());
            json(lines(&board.state().metrics, from.unwrap_or(0)))
        }
        "/film" => match board.policy() {
            None => (404, "text/plain", "there is no policy yet".into()),
            Some(policy) => film(policy, pool, shown),
        },
        _ => (404, "text/plain", "there is nothing here".into()),
    }
}

fn whole() -> String {
    let styles = [PLAYER_STYLE, STYLE];
    page::whole("h2oplus", &styles, BODY, &[PLAYER_SCRIPT, SCRIPT])
}

/// The film of `policy`, made where it is another one than before.
fn film(policy: Arc<WatchedPolicy>, pool: Option<&ThreadPool>, shown: &mut Shown) -> Answer {
    if let Some((of, film)) = shown
        && Arc::ptr_eq(of, &policy)
    {
        return (200, "application/json", film.clone());
    }
    let film = match pool {
        Some(pool) => pool.install(|| policy.film()),
        None => policy.film(),
    };
    match film {
        Ok(film) => {
            let film = data(&film).to_string();
            *shown = Some((policy, film.clone()));
            (200, "application/json", film)
        }
        Err(e) => (500, "text/plain", e.to_string()),
    }
}

/// Whole lines of the file from byte `from` on, as JSON: `{"next": byte, "lines": [...]}`. A file that has become
/// shorter, as that of another run, is read from its beginning.
fn lines(path: &Path, from: u64) -> String {
    let read = || -> std::io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let from = if from > file.metadata()?.len() {
            0
        } else {
            from
        };
        file.seek(SeekFrom::Start(from))?;
        let mut text = Vec::new();
        file.take(MOST).read_to_end(&mut text)?;
        let end = text
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        text.truncate(end);
        Ok((
            from + end as u64,
            String::from_utf8_lossy(&text).into_owned(),
        ))
    };
    // Before the run has begun there is no file.
    let (next, text) = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("{{\"next\":{next},\"lines\":[{}]}}", lines.join(","))
}
