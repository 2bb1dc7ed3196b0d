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
    /// A code for tokens.
    Code,
    /// A refresh token for its successor.
    Refresh,
    /// Introspection by the runtime client, of tokens it asks about again and again.
    Introspection,
    /// Introspection of tokens that are asked about for the first time.
    FirstIntrospection,
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
    pub const ALL: [Path; 9] = [
        Path::Es256,
        Path::Code,
        Path::Refresh,
        Path::Introspection,
        Path::FirstIntrospection,
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

    fn name(self) -> &'static str {
        match self {
            Path::Es256 => "client_credentials ES256",
            Path::Rs256 => "client_credentials RS256",
            Path::EdDsa => "client_credentials EdDSA",
            Path::Code => "code exchange",
            Path::Refresh => "refresh rotation",
            Path::Introspection => "introspection",
            Path::FirstIntrospection => "introspection, first time",
            Path::Jwks => "JWKS",
            Path::Discovery => "discovery",
        }
    }

    /// The share of the ceiling that is aimed at.
    fn target(self, database: Database) -> Option<f64> {
        match (self, database) {
            (Path::Es256, Database::Sqlite) => Some(0.35),
            (Path::Es256, Database::Postgres) => Some(0.45),
            (Path::Introspection, _) => Some(0.85),
            (Path::Jwks | Path::Discovery, _) => Some(0.90),
            _ => None,
        }
    }
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

/// One path on one database.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    path: Path,
    database: Database,
    ours: Figures,
    ceiling: Option<Figures>,
    /// Median of the ratios of the rounds.
    ratio: Option<f64>,
    target: Option<f64>,
}

impl Row {
    pub(crate) fn new(path: Path, database: Database, ours: &[Figures], theirs: &[Figures]) -> Row {
        let mut ratios: Vec<f64> =
            ours.iter().zip(theirs).map(|(our, their)| our.rate / their.rate).collect();
        Row {
            path,
            database,
            ours: middle(ours),
            ceiling: (!theirs.is_empty()).then(|| middle(theirs)),
            ratio: (!ratios.is_empty()).then(|| median(&mut ratios)),
            target: path.target(database),
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
pub const HEADING: &str = "path                      database      req/s      p50      p99 spread   CPU/req    ceiling  ratio  target";

fn verdict(reached: bool) -> &'static str {
    if reached { "ok" } else { "MISSED" }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { rate, p50_us, p99_us, cpu_us } = self.ours;
        let spread = p99_us / p50_us.max(1.0);
        let (p50, p99) = (p50_us / 1000.0, p99_us / 1000.0);
        write!(
            f,
            "{:<25} {:<9} {rate:>9.0} {p50:>5.2} ms {p99:>5.2} ms {spread:>5.1}x {cpu_us:>6.1} µs",
            self.path.name(),
            self.database,
        )?;
        match (&self.ceiling, self.ratio) {
            (Some(ceiling), Some(ratio)) => write!(f, " {:>10.0} {ratio:>6.2}", ceiling.rate)?,
            _ => f.write_str("          –      –")?,
        }
        match (self.target, self.ratio) {
            (Some(target), Some(ratio)) => {
                write!(f, "  ≥ {target:.2} {}", verdict(ratio >= target))?;
            }
            (Some(target), None) => write!(f, "  ≥ {target:.2}")?,
            (None, _) => f.write_str("  –")?,
        }
        if spread > SPREAD {
            write!(f, "  (p99 over {SPREAD:.0} × p50)")?;
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
                "{line_end}{what:<25} {:<9} {is:>6.0} {unit}   ≤ {limit:.0} {unit} {verdict}",
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
        let row = Row::new(Path::Jwks, Database::Sqlite, &ours, &theirs);
        assert_eq!((row.rate(), row.ratio), (20.0, Some(0.75)));
        assert!(row.to_string().contains("≥ 0.90 MISSED"), "{row}");
    }
}
