//! The live view of a run: a page on this machine alone, which a browser asks anew every few seconds. What it shows the
//! trainer has put on a [`Board`]; a film of the policy is made when somebody looks, by a thread of its own.

mod board;
mod serve;

pub use board::{Board, WatchedMember, WatchedPolicy, WatchedState};

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use tiny_http::Server;

use crate::error::{Error, Result};

/// A page that is served as long as this lives.
pub struct Watch {
    board: Arc<Board>,
    server: Arc<Server>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Serves an empty board on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Where the system gives no port or no thread.
    pub fn open() -> Result<Self> {
        let refused = |e: String| {
            let help = "leave it out; the run does not need it";
            Error::input("--watch", format!("no page can be served: {e}"), help)
        };
        let board = Arc::new(Board::default());
        let (tell, told) = sync_channel(1);
        let seen = Arc::clone(&board);
        // What serves the page, and whatever it starts, bears the name by which its time can be told.
        let thread = std::thread::Builder::new().name("watch".into());
        let thread = thread.spawn(move || {
            let server = Server::http((Ipv4Addr::LOCALHOST, 0)).map(Arc::new);
            let server = match server {
                Ok(server) => server,
                Err(e) => return drop(tell.send(Err(e.to_string()))),
            };
            if tell.send(Ok(Arc::clone(&server))).is_ok() {
                serve::until_unblocked(&server, &seen);
            }
        });
        let thread = thread.map_err(|e| refused(e.to_string()))?;
        let server = told.recv().map_err(|e| refused(e.to_string()))?;
        let server: Arc<Server> = server.map_err(refused)?;
        let port = server.server_addr().to_ip().map_or(0, |at| at.port());
        Ok(Self {
            board,
            server,
            port,
            thread: Some(thread),
        })
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Where a trainer puts what is shown.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // A view that has failed is no failure of the run.
            let _ = thread.join();
        }
    }
}
