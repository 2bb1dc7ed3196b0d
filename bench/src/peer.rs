//! A server by others, for what no ceiling says: how fast is it that people run today?
//!
//! oidc-provider, certified and widely used, on Node.js, with everything in memory: nothing
//! it answers outlives its process, which spares it all that our database costs us.

use std::collections::VecDeque;
use std::path::Path as FilePath;
use std::process::Command;
use std::rc::Rc;

use crate::Outcome;
use crate::http::{Connection, get, post};
use crate::load::{self, BoxedDriver};
use crate::measure::{Plan, Side};
use crate::paths::{self, Pile};
use crate::program::{Program, free_address};
use crate::report::Path;

/// Codes that one request makes: the answer has to fit what is read at most.
const CODES: usize = 2000;

/// The peer, running.
pub(crate) struct Peer {
    plan: Rc<Plan>,
    program: Program,
    tips: Pile,
}

impl Peer {
    /// Starts it from `folder`, which is made ready with npm when it is not.
    pub(crate) async fn start(plan: &Rc<Plan>, folder: &FilePath) -> Outcome<Peer> {
        if !folder.join("node_modules").exists() {
            let status = Command::new("npm").arg("ci").current_dir(folder).status()?;
            if !status.success() {
                return Err("npm ci failed in the peer's folder".into());
            }
        }
        let address = free_address()?;
        // The pinned Node.js where there is one, else the system's.
        let pinned = folder.join("node_modules/.bin/node");
        let node = if pinned.exists() { pinned } else { "node".into() };
        let mut command = Command::new(node);
        command.current_dir(folder).arg("server.js").arg(address.port().to_string());
        let log = plan.folder.join("peer.log");
        let program = Program::start(command, address, "/jwks", &log).await?;
        Ok(Peer { plan: Rc::clone(plan), program, tips: Pile::default() })
    }

    /// What it can be asked, as we can.
    pub(crate) fn has(path: Path) -> bool {
        matches!(path, Path::Es256 | Path::Code | Path::Refresh)
    }

    async fn codes(&self, stock: usize) -> Outcome<Pile> {
        let mut connection = Connection::to(self.program.address).await?;
        let mut codes = VecDeque::new();
        while codes.len() < stock {
            let count = CODES.min(stock - codes.len());
            let answer = connection.exchange(&get(&format!("/codes/{count}"), None)).await?;
            codes.extend(answer.text().lines().map(str::to_owned));
        }
        Ok(Pile::new(codes.into()))
    }

    fn redeem(&self, codes: &Pile) -> Vec<BoxedDriver> {
        paths::redeem(self.plan.connections, "app", "/token", codes, ("refresh_token", &self.tips))
    }
}

impl Side for Peer {
    fn programs(&self) -> &[Program] {
        std::slice::from_ref(&self.program)
    }

    async fn drivers(&mut self, path: Path, stock: usize) -> Outcome<Vec<BoxedDriver>> {
        let connections = self.plan.connections;
        Ok(match path {
            Path::Code => self.redeem(&self.codes(stock).await?),
            Path::Refresh => {
                if self.tips.borrow().len() < stock {
                    let drivers = self.redeem(&self.codes(stock).await?);
                    load::to_the_end(self.program.address, drivers).await?;
                }
                paths::rotate(connections, "app", "/token", &self.tips)
            }
            _ => {
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_id", "machine"),
                    ("client_secret", crate::ceiling::SECRET),
                    ("resource", "https://mcp.example/mcp"),
                    ("scope", "read"),
                ];
                paths::same(connections, post("/token", &[], &form), "\"access_token\"")
            }
        })
    }
}
