//! What was measured, next to what was aimed at.

use std::fmt;

use serde::Serialize;

/// Where the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// Embedded.
    Sqlite,
    /// A server beside it, with `fsync` on.
    Postgres,
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Database::Sqlite => "sqlite",
            Database::Postgres => "postgres",
        })
    }
}

/// A path of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// `client_credentials`, signed with ES256.
    #[value(name = "es256")]
    Es256,
    /// `client_credentials`, each with a DPoP proof of its own.
    Dpop,
    /// A user's token for one of another resource, by a client they have agreed with.
    Exchange,
    /// A code for tokens.
    Code,
    /// A refresh token for its successor.
    Refresh,
    /// Introspection by the runtime client, of tokens it asks about again and again.
    Introspection,
    /// Introspection of tokens that are asked about for the first time.
    FirstIntrospection,
    /// All of the above in turns on every connection.
    Mixed,
    /// The key set.
    Jwks,
    /// The metadata.
    Discovery,
    /// `client_credentials`, signed with RS256.
    #[value(name = "rs256")]
    Rs256,
    /// `client_credentials`, signed with EdDSA.
    #[value(name = "eddsa")]
    EdDsa,
}

impl Path {
    /// All of them.
    pub const ALL: [Path; 12] = [
        Path::Es256,
        Path::Dpop,
        Path::Exchange,
        Path::Code,
        Path::Refresh,
        Path::Introspection,
        Path::FirstIntrospection,
        Path::Mixed,
        Path::Jwks,
        Path::Discovery,
        Path::Rs256,
        Path::EdDsa,
    ];

    /// The `signing.algorithm` of the server that is asked.
    #[must_use]
    pub fn algorithm(self) -> &'static str {
        match self {
            Path::Rs256 => "RS256",
            Path::EdDsa => "EdDSA",
            _ => "ES256",
        }
    }

    /// Its name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Path::Es256 => "client_credentials ES256",
            Path::Rs256 => "client_credentials RS256",
            Path::EdDsa => "client_credentials EdDSA",
            Path::Dpop => "client_credentials DPoP",
            Path::Exchange => "token exchange",
            Path::Code => "code exchange",
            Path::Refresh => "refresh rotation",
            Path::Introspection => "introspection",
            Path::FirstIntrospection => "introspection, first time",
            Path::Mixed => "mixed load",
            Path::Jwks => "JWKS",
            Path::Discovery => "discovery",
        }
    }

    /// What it is a mix of, and in how many of the turns it is which.
    #[must_use]
    pub const fn parts(self) -> &'static [(Path, usize)] {
        match self {
            Path::Mixed => &[
                (Path::Es256, 6),
                (Path::Introspection, 5),
                (Path::Dpop, 2),
                (Path::Exchange, 1),
                (Path::Code, 1),
                (Path::Refresh, 1),
            ],
            _ => &[],
        }
    }

    /// What is aimed at.
    fn target(self, database: Database) -> Option<Target> {
        let (ceiling, peer) = (Some(Scale::Ceiling), Some(Scale::Peer));
        let (scale, least) = match (self, database) {
            (Path::Es256, Database::Sqlite) => (ceiling, 0.35),
            (Path::Es256, Database::Postgres) => (ceiling, 0.45),
            (Path::Dpop, Database::Sqlite) => (ceiling, 0.45),
            (Path::Dpop, Database::Postgres) => (ceiling, 0.50),
            (Path::Exchange, Database::Sqlite) => (ceiling, 0.40),
            (Path::Exchange, Database::Postgres) => (ceiling, 0.45),
            (Path::Introspection, _) => (ceiling, 0.85),
            (Path::Jwks | Path::Discovery, _) => (ceiling, 0.90),
            (Path::Code, _) => (peer, 4.0),
            (Path::Refresh, Database::Sqlite) => (peer, 4.5),
            (Path::Refresh, Database::Postgres) => (peer, 5.0),
            _ => (None, 0.0),
        };
        scale.map(|of| Target { of, least })
    }
}

/// What a rate is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The ceiling: a share of it.
    Ceiling,
    /// The peer: a multiple of it.
    Peer,
}

/// What a path should reach at least.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Target {
    of: Scale,
    least: f64,
}

/// The longest p99 that is aimed at, in p50s.
const SPREAD: f64 = 3.0;

/// One round of one program.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// Answers per second.
    pub rate: f64,
    /// Half of the answers came within this time, in microseconds.
    pub p50_us: f64,
    /// All but one in a hundred did.
    pub p99_us: f64,
    /// Processor time of the program for each answer, in microseconds.
    pub cpu_us: f64,
}

impl Figures {
    /// How many p50s the p99 is.
    fn spread(&self) -> f64 {
        self.p99_us / self.p50_us.max(1.0)
    }
}

/// One path on one database.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    path: Path,
    database: Database,
    /// Servers that share the load.
    replicas: usize,
    ours: Figures,
    ceiling: Option<Figures>,
    /// Share of the ceiling: the median of the rounds'.
    ratio: Option<f64>,
    peer: Option<Figures>,
    /// Multiple of the peer: the median of the rounds'.
    multiple: Option<f64>,
    target: Option<Target>,
}

impl Row {
    /// From the rounds of the server, the ceiling and the peer; there are as many of each,
    /// or none.
    pub(crate) fn new(
        path: Path,
        (database, replicas): (Database, usize),
        rounds: [Vec<Figures>; 3],
    ) -> Row {
        let [ours, ceiling, peer] = rounds;
        let over = |theirs: &[Figures]| {
            let pairs = ours.iter().zip(theirs);
            let mut ratios: Vec<f64> = pairs.map(|(our, their)| our.rate / their.rate).collect();
            (!ratios.is_empty()).then(|| median(&mut ratios))
        };
        Row {
            path,
            database,
            replicas,
            ratio: over(&ceiling),
            multiple: over(&peer),
            ours: middle(&ours),
            ceiling: (!ceiling.is_empty()).then(|| middle(&ceiling)),
            peer: (!peer.is_empty()).then(|| middle(&peer)),
            // What is aimed at is one server's.
            target: path.target(database).filter(|_| replicas == 1),
        }
    }

    /// How it stands with the target.
    fn standing(&self) -> String {
        let Some(Target { of, least }) = self.target else { return "–".to_owned() };
        let (wanted, reached) = match of {
            Scale::Ceiling => (format!("≥ {least:.2}"), self.ratio),
            Scale::Peer => (format!("≥ {least:.1}x"), self.multiple),
        };
        match reached {
            Some(reached) => format!("{wanted} {}", verdict(reached >= least)),
            None => wanted,
        }
    }

    /// The answers per second of the path.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.ours.rate
    }
}

/// Each figure's median.
fn middle(rounds: &[Figures]) -> Figures {
    let of =
        |figure: fn(&Figures) -> f64| median(&mut rounds.iter().map(figure).collect::<Vec<_>>());
    Figures {
        rate: of(|round| round.rate),
        p50_us: of(|round| round.p50_us),
        p99_us: of(|round| round.p99_us),
        cpu_us: of(|round| round.cpu_us),
    }
}

/// The middle one, or nothing.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// The server itself, on one database.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Process {
    /// The database.
    pub database: Database,
    /// From its start to its first answer, on a database that is there.
    pub start_ms: f64,
    /// Memory before the load.
    pub idle_mb: f64,
    /// Memory after all of it.
    pub after_mb: f64,
}

impl Process {
    fn checks(&self) -> [(&'static str, f64, f64, &'static str); 3] {
        let start = match self.database {
            Database::Sqlite => 300.0,
            Database::Postgres => 500.0,
        };
        [
            ("start to first answer", self.start_ms, start, "ms"),
            ("memory, idle", self.idle_mb, 40.0, "MB"),
            ("memory, after the load", self.after_mb, 150.0, "MB"),
        ]
    }
}

/// Everything that was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The paths.
    pub rows: Vec<Row>,
    /// The servers.
    pub processes: Vec<Process>,
}

/// The line above the rows.
pub const HEADING: &str = "path                      database       req/s      p50      p99 spread   CPU/req    ceiling  ratio     peer  times  target";

fn verdict(reached: bool) -> &'static str {
    if reached { "ok" } else { "MISSED" }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { rate, p50_us, p99_us, cpu_us } = self.ours;
        let spread = self.ours.spread();
        let place = match self.replicas {
            1 => self.database.to_string(),
            replicas => format!("{}×{replicas}", self.database),
        };
        let (p50, p99) = (p50_us / 1000.0, p99_us / 1000.0);
        write!(
            f,
            "{:<25} {:<10} {rate:>9.0} {p50:>5.2} ms {p99:>5.2} ms {spread:>5.1}x {cpu_us:>6.1} µs",
            self.path.name(),
            place,
        )?;
        match (&self.ceiling, self.ratio) {
            (Some(ceiling), Some(ratio)) => write!(f, " {:>10.0} {ratio:>6.2}", ceiling.rate)?,
            _ => f.write_str("          –      –")?,
        }
        match (&self.peer, self.multiple) {
            (Some(peer), Some(times)) => write!(f, " {:>8.0} {times:>5.1}x", peer.rate)?,
            _ => f.write_str("        –      –")?,
        }
        write!(f, "  {}", self.standing())?;
        if spread > SPREAD {
            write!(f, "  (p99 over {SPREAD:.0} × p50")?;
            if let Some(ceiling) = &self.ceiling {
                write!(f, "; the ceiling's {:.1}", ceiling.spread())?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (what, is, limit, unit)) in self.checks().into_iter().enumerate() {
            let line_end = if at == 0 { "" } else { "\n" };
            let verdict = verdict(is <= limit);
            write!(
                f,
                "{line_end}{what:<25} {:<10} {is:>6.0} {unit}   ≤ {limit:.0} {unit} {verdict}",
                self.database
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_taken_round_by_round() {
        let round = |rate| Figures { rate, p50_us: 1.0, p99_us: 2.0, cpu_us: 3.0 };
        let ours = [round(10.0), round(30.0), round(20.0)];
        let theirs = [round(20.0), round(40.0), round(25.0)];
        let rounds = [ours.to_vec(), theirs.to_vec(), Vec::new()];
        let row = Row::new(Path::Jwks, (Database::Sqlite, 1), rounds);
        assert_eq!((row.rate(), row.ratio, row.multiple), (20.0, Some(0.75), None));
        assert!(row.to_string().contains("≥ 0.90 MISSED"), "{row}");
    }

    #[test]
    fn a_wide_spread_stands_next_to_that_of_the_ceiling() {
        let round = |p99_us| vec![Figures { rate: 1.0, p50_us: 10.0, p99_us, cpu_us: 3.0 }];
        let row = |p99| {
            let rounds = [round(p99), round(45.0), Vec::new()];
            Row::new(Path::Jwks, (Database::Sqlite, 1), rounds).to_string()
        };
        assert!(row(50.0).ends_with("(p99 over 3 × p50; the ceiling's 4.5)"), "{}", row(50.0));
        assert!(!row(30.0).contains("p99 over"), "{}", row(30.0));
    }

    #[test]
    fn a_multiple_of_the_peer_is_told_only_when_there_is_a_peer() {
        let round = |rate| vec![Figures { rate, p50_us: 1.0, p99_us: 2.0, cpu_us: 3.0 }];
        let row = |peer| {
            let rounds = [round(9000.0), Vec::new(), peer];
            Row::new(Path::Refresh, (Database::Sqlite, 1), rounds).to_string()
        };
        assert!(row(round(1500.0)).ends_with("6.0x  ≥ 4.5x ok"), "{}", row(round(1500.0)));
        assert!(row(Vec::new()).ends_with("≥ 4.5x"), "{}", row(Vec::new()));
    }
}
