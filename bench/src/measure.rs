//! Measuring: servers on each database, the ceiling beside them, path by path.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::Outcome;
use crate::ceiling;
use crate::http::{Connection, post};
use crate::load::{self, BoxedDriver, Load};
use crate::paths::{self, Pile};
use crate::peer::Peer;
use crate::program::Program;
use crate::proof::Proofs;
use crate::report::{Database, Figures, Path, Process, Report, Row, median};
use crate::scene::Installation;

/// What to measure, and how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The `authserver` program.
    pub program: PathBuf,
    /// Where databases and logs go.
    pub folder: PathBuf,
    /// The databases, and for PostgreSQL an empty one for each algorithm.
    pub databases: Vec<(Database, Vec<String>)>,
    /// The paths; all when empty.
    pub only: Vec<Path>,
    /// Connections at once.
    pub connections: usize,
    /// Rounds, of which the median counts.
    pub rounds: usize,
    /// Length of a round.
    pub round: Duration,
    /// Tokens to introspect, families to rotate, codes to redeem in a round.
    pub stock: usize,
    /// Servers that share the load on PostgreSQL.
    pub replicas: usize,
    /// The folder of the peer, if it is to be measured too.
    pub peer: Option<PathBuf>,
}

impl Plan {
    /// Servers that share the load: a file has one.
    fn servers_on(&self, database: Database) -> usize {
        match database {
            Database::Sqlite => 1,
            Database::Postgres => self.replicas,
        }
    }
}

/// Signing algorithms, by the name of the setting and that of the ceiling's path.
const ALGORITHMS: [(&str, &str); 3] = [("ES256", "es256"), ("RS256", "rs256"), ("EdDSA", "eddsa")];

/// Something that can be put under load.
pub(crate) trait Side {
    fn programs(&self) -> &[Program];
    async fn drivers(&mut self, path: Path, stock: usize) -> Outcome<Vec<BoxedDriver>>;
}

/// The server under test.
struct Server {
    plan: Rc<Plan>,
    installation: Rc<Installation>,
    /// The first serves under the issuer's address; what is needed for a round comes from it.
    programs: Vec<Program>,
    cookies: Option<String>,
    tips: Pile,
}

impl Server {
    async fn collected(&self, request: Vec<u8>, count: usize) -> Outcome<VecDeque<String>> {
        let pile = Pile::default();
        let drivers = paths::collect(self.plan.connections, request, count, &pile);
        load::to_the_end(self.installation.address(), drivers).await?;
        Ok(pile.take())
    }

    async fn codes(&mut self, count: usize) -> Outcome<VecDeque<String>> {
        if self.cookies.is_none() {
            self.cookies = Some(self.installation.signed_in().await?);
        }
        let request = crate::http::get(&self.installation.authorization(), self.cookies.as_deref());
        self.collected(request, count).await
    }

    async fn tokens(&self, count: usize) -> Outcome<Vec<Vec<u8>>> {
        let tokens = self.collected(self.installation.token_request(), count).await?;
        Ok(tokens.iter().map(|token| self.installation.introspection(token)).collect())
    }

    fn redeem(&self, codes: &Pile) -> Vec<BoxedDriver> {
        let app = &self.installation.app;
        let tips = ("refresh_token", &self.tips);
        paths::redeem(self.plan.connections, app, "/oauth/token", codes, tips)
    }

    /// Exchanges of so many tokens of the person.
    async fn exchanges(&mut self, stock: usize) -> Outcome<Vec<Vec<u8>>> {
        let codes = Pile::new(self.codes(stock).await?.into());
        let (app, tokens) = (self.installation.app.as_str(), Pile::default());
        let into = ("access_token", &tokens);
        let drivers = paths::redeem(self.plan.connections, app, "/oauth/token", &codes, into);
        load::to_the_end(self.installation.address(), drivers).await?;
        let tokens = tokens.take();
        Ok(tokens.iter().map(|token| self.installation.exchange(token)).collect())
    }

    /// Requests for tokens for the machine, each with a proof of its own.
    fn proven(&self, stock: usize) -> Outcome<Vec<Vec<u8>>> {
        let url = format!("http://{}/oauth/token", self.installation.address());
        let mut proofs = Proofs::new(&url)?;
        let request = |_| Ok(self.installation.proven_token_request(&proofs.fresh()?));
        (0..stock).map(request).collect()
    }

    /// Redeems codes until there are enough families.
    async fn families(&mut self, stock: usize) -> Outcome<()> {
        let codes = self.codes(stock).await?;
        let codes = Pile::new(codes.into());
        load::to_the_end(self.installation.address(), self.redeem(&codes)).await
    }
}

impl Side for Server {
    fn programs(&self) -> &[Program] {
        &self.programs
    }

    async fn drivers(&mut self, path: Path, stock: usize) -> Outcome<Vec<BoxedDriver>> {
        let connections = self.plan.connections;
        Ok(match path {
            Path::Es256 | Path::Rs256 | Path::EdDsa => {
                paths::same(connections, self.installation.token_request(), "\"access_token\"")
            }
            Path::Dpop => paths::once(connections, self.proven(stock)?, "\"DPoP\""),
            Path::Exchange => {
                paths::once(connections, self.exchanges(stock).await?, "\"issued_token_type\"")
            }
            Path::Code => {
                let codes = Pile::new(self.codes(stock).await?.into());
                self.redeem(&codes)
            }
            Path::Refresh => {
                if self.tips.borrow().len() < stock {
                    self.families(stock).await?;
                }
                paths::rotate(connections, &self.installation.app, "/oauth/token", &self.tips)
            }
            Path::Introspection => paths::introspect(connections, self.tokens(stock).await?, true),
            Path::FirstIntrospection => {
                paths::introspect(connections, self.tokens(stock).await?, false)
            }
            Path::Jwks => paths::document(connections, "/.well-known/jwks.json", "\"keys\""),
            Path::Discovery => paths::document(connections, DISCOVERY, "\"issuer\""),
            Path::Mixed => return Err("a mix is made of its parts".into()),
        })
    }
}

const DISCOVERY: &str = "/.well-known/oauth-authorization-server";

/// The ceiling beside it.
struct Ceiling {
    plan: Rc<Plan>,
    program: Program,
}

impl Ceiling {
    fn token_request(algorithm: &str) -> Vec<u8> {
        Self::asking(&format!("/token/{algorithm}"), &[], &[("grant_type", "client_credentials")])
    }

    /// A form of the one client it knows.
    fn asking(path: &str, headers: &[String], more: &[(&str, &str)]) -> Vec<u8> {
        let form = [
            ("client_id", "01960b5e-2f4c-7d3a-9b1e-6f0a2c4e8d10"),
            ("client_secret", ceiling::SECRET),
            ("resource", "https://mcp.example/mcp"),
            ("scope", "read"),
        ];
        post(path, headers, &[&form[..], more].concat())
    }

    /// Requests to `path`, each with a token of its own.
    async fn with_tokens(
        &self,
        path: &str,
        parameter: &str,
        stock: usize,
    ) -> Outcome<Vec<Vec<u8>>> {
        let pile = Pile::default();
        let request = Self::token_request("es256");
        let drivers = paths::collect(self.plan.connections, request, stock, &pile);
        load::to_the_end(self.program.address, drivers).await?;
        let tokens = pile.take();
        Ok(tokens.iter().map(|token| Self::asking(path, &[], &[(parameter, token)])).collect())
    }

    fn proven(&self, stock: usize) -> Outcome<Vec<Vec<u8>>> {
        let mut proofs = Proofs::new(&format!("http://{}/bound", self.program.address))?;
        let grant = [("grant_type", "client_credentials")];
        let request =
            |_| Ok(Self::asking("/bound", &[format!("dpop: {}", proofs.fresh()?)], &grant));
        (0..stock).map(request).collect()
    }
}

impl Side for Ceiling {
    fn programs(&self) -> &[Program] {
        std::slice::from_ref(&self.program)
    }

    async fn drivers(&mut self, path: Path, stock: usize) -> Outcome<Vec<BoxedDriver>> {
        let connections = self.plan.connections;
        let signing = |name| paths::same(connections, Self::token_request(name), "access_token");
        Ok(match path {
            Path::Es256 | Path::Code | Path::Refresh => signing("es256"),
            Path::Rs256 => signing("rs256"),
            Path::EdDsa => signing("eddsa"),
            Path::Dpop => paths::once(connections, self.proven(stock)?, "access_token"),
            Path::Exchange => {
                let requests = self.with_tokens("/exchange", "subject_token", stock).await?;
                paths::once(connections, requests, "access_token")
            }
            Path::Introspection | Path::FirstIntrospection => {
                let requests = self.with_tokens("/introspect", "token", stock).await?;
                paths::introspect(connections, requests, true)
            }
            Path::Jwks => paths::document(connections, "/jwks", "\"keys\""),
            Path::Discovery => paths::document(connections, "/discovery", "\"issuer\""),
            Path::Mixed => return Err("a mix is made of its parts".into()),
        })
    }
}

async fn one_round(
    plan: &Plan,
    side: &mut impl Side,
    path: Path,
    round: Duration,
) -> Outcome<Figures> {
    let drivers = match path.parts() {
        [] => side.drivers(path, plan.stock).await?,
        parts => {
            let mut kinds = Vec::with_capacity(parts.len());
            for (part, turns) in parts {
                // Enough for four times the stock in answers.
                let stock = plan.stock * turns / 4;
                kinds.push((*turns, side.drivers(*part, stock).await?));
            }
            paths::mixed(kinds)
        }
    };
    let addresses: Vec<SocketAddr> = side.programs().iter().map(|it| it.address).collect();
    let before = cpu(side.programs())?;
    let (load, _) = load::apply(&addresses, drivers, round).await?;
    let used = cpu(side.programs())?.saturating_sub(before);
    Ok(figures(&load, used))
}

fn cpu(programs: &[Program]) -> Outcome<Duration> {
    programs.iter().map(Program::cpu).sum()
}

fn figures(load: &Load, cpu: Duration) -> Figures {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let answers = f64::from(u32::try_from(load.answers.max(1)).unwrap_or(u32::MAX));
    Figures {
        rate: load.rate(),
        p50_us: micros(load.p50),
        p99_us: micros(load.p99),
        cpu_us: micros(cpu) / answers,
    }
}

/// Starts the ceiling with this command, to which its address and two documents are added.
async fn start_ceiling(
    plan: &Rc<Plan>,
    mut command: std::process::Command,
    server: SocketAddr,
) -> Outcome<Ceiling> {
    let mut connection = Connection::to(server).await?;
    let address = crate::program::free_address()?;
    command.arg("--address").arg(address.to_string());
    for (name, path) in [("jwks", "/.well-known/jwks.json"), ("discovery", DISCOVERY)] {
        let body = connection.exchange(&crate::http::get(path, None)).await?.body.to_vec();
        let file = plan.folder.join(name);
        std::fs::write(&file, body)?;
        command.arg(format!("--{name}")).arg(file);
    }
    let log = plan.folder.join("ceiling.log");
    let program = Program::start(command, address, "/jwks", &log).await?;
    Ok(Ceiling { plan: Rc::clone(plan), program })
}

/// Carries the plan out. `ceiling` makes the command that runs [`ceiling::serve`]; without
/// it there are no ratios. `progress` is told each row as it is there.
///
/// # Errors
/// The first wrong answer, and whatever keeps a program from starting.
pub async fn carry_out(
    plan: Plan,
    ceiling: Option<&dyn Fn() -> std::process::Command>,
    mut progress: impl FnMut(&Row),
) -> Outcome<Report> {
    let plan = Rc::new(plan);
    let mut report = Report::default();
    let mut beside = None;
    let mut peer = match &plan.peer {
        Some(folder) => Some(Peer::start(&plan, folder).await?),
        None => None,
    };
    for (database, dsns) in &plan.databases {
        let wanted = |path: &Path| plan.only.is_empty() || plan.only.contains(path);
        for (number, (algorithm, name)) in ALGORITHMS.iter().enumerate() {
            let paths: Vec<Path> =
                Path::ALL.into_iter().filter(|path| path.algorithm() == *algorithm).collect();
            if !paths.iter().any(wanted) {
                continue;
            }
            let folder = plan.folder.join(format!("{database}-{name}"));
            let dsn = dsns.get(number).map(String::as_str);
            let installation = Installation::create(&plan.program, folder, dsn, algorithm, &[])?;
            let (mut server, process) = start_server(&plan, *database, installation).await?;
            if let (None, Some(command)) = (&beside, ceiling) {
                beside =
                    Some(start_ceiling(&plan, command(), server.installation.address()).await?);
            }
            for path in paths.into_iter().filter(wanted) {
                let peer = peer.as_mut().filter(|_| Peer::has(path));
                let sides = (&mut server, beside.as_mut(), peer);
                let row = measure(&plan, *database, path, sides).await?;
                progress(&row);
                report.rows.push(row);
            }
            if *algorithm == "ES256" {
                let after_mb = server.programs.first().ok_or("no server")?.memory()?;
                report.processes.push(Process { after_mb, ..process });
            }
        }
    }
    Ok(report)
}

/// Starts the server three times on its database, and keeps the last.
async fn start_server(
    plan: &Rc<Plan>,
    database: Database,
    installation: Installation,
) -> Outcome<(Server, Process)> {
    let mut starts = Vec::new();
    for _ in 0..2 {
        starts.push(installation.start().await?.started_in.as_secs_f64() * 1000.0);
    }
    let program = installation.start().await?;
    starts.push(program.started_in.as_secs_f64() * 1000.0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let process = Process {
        database,
        start_ms: median(&mut starts),
        idle_mb: program.memory()?,
        after_mb: 0.0,
    };
    let mut programs = vec![program];
    for _ in 1..plan.servers_on(database) {
        programs.push(installation.start_replica().await?);
    }
    let server = Server {
        plan: Rc::clone(plan),
        installation: Rc::new(installation),
        programs,
        cookies: None,
        tips: Pile::default(),
    };
    Ok((server, process))
}

/// The server, the ceiling, the peer.
type Sides<'a> = (&'a mut Server, Option<&'a mut Ceiling>, Option<&'a mut Peer>);

async fn measure(
    plan: &Plan,
    database: Database,
    path: Path,
    (server, mut ceiling, mut peer): Sides<'_>,
) -> Outcome<Row> {
    let warm_up = plan.round.min(Duration::from_secs(1));
    let rounds = std::iter::repeat_n(plan.round, plan.rounds.max(1));
    let (mut ours, mut theirs, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for length in std::iter::once(warm_up).chain(rounds) {
        if let Some(ceiling) = ceiling.as_deref_mut() {
            theirs.push(one_round(plan, ceiling, path, length).await?);
        }
        if let Some(peer) = peer.as_deref_mut() {
            others.push(one_round(plan, peer, path, length).await?);
        }
        ours.push(one_round(plan, server, path, length).await?);
    }
    let measured = |rounds: &[Figures]| rounds.get(1..).unwrap_or_default().to_vec();
    let rounds = [measured(&ours), measured(&theirs), measured(&others)];
    Ok(Row::new(path, (database, plan.servers_on(database)), rounds))
}
