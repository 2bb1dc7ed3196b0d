//! `authserver admin user`

use std::io::{self, BufRead as _};

use actors::users::AccountAct;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::super::{CliError, output};
use crate::administration::Desk;
use crate::administration::user::{self, NewUser, UserQuery, UserStatus, UserView};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account. Without a password one is made up and shown once.
    Create(Create),
    /// Let a person sign in no more, and end everything that stands for them.
    Disable {
        /// The user's id or e-mail address.
        user: String,
    },
    /// Let a disabled person sign in again.
    Enable {
        /// The user's id or e-mail address.
        user: String,
    },
    /// End everything that stands for a person: sessions, codes, tokens.
    ForceLogout {
        /// The user's id or e-mail address.
        user: String,
    },
    /// List users, newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// E-mail address, the sign-in name.
    #[arg(long)]
    email: String,
    /// Name shown to the user.
    #[arg(long)]
    name: Option<String>,
    /// Read the password from the first line of standard input. (There is no flag for
    /// the password itself: everybody on the machine could read it.)
    #[arg(long)]
    password_stdin: bool,
    /// user or admin.
    #[arg(long, default_value = "user")]
    role: String,
}

pub(super) async fn run(command: Command, desk: &Desk<'_>, json: bool) -> Result<(), CliError> {
    match command {
        Command::Create(create) => run_create(create, desk, json).await,
        Command::Disable { user } => act(desk, &user, AccountAct::Disable, "disabled").await,
        Command::Enable { user } => act(desk, &user, AccountAct::Enable, "enabled").await,
        Command::ForceLogout { user } => {
            act(desk, &user, AccountAct::ForceLogout, "signed out everywhere").await
        }
        Command::List { limit } => {
            let query = UserQuery { limit: Some(limit), ..UserQuery::default() };
            let users = user::list(desk, query).await?.users;
            if json {
                return Ok(output::json(&users)?);
            }
            let rows = users.into_iter().map(|user| {
                let status = match user.status {
                    UserStatus::Active => "active",
                    UserStatus::Disabled => "disabled",
                };
                vec![user.id.to_string(), user.email, user.name, user.role, status.to_owned()]
            });
            Ok(output::table(&["ID", "E-MAIL", "NAME", "ROLE", "STATUS"], rows.collect())?)
        }
    }
}

async fn act(desk: &Desk<'_>, who: &str, act: AccountAct, done: &str) -> Result<(), CliError> {
    let reach = user::act(desk, who, act).await?;
    output::line(&format!("User {who} is {done}."))?;
    if act != AccountAct::Enable {
        output::revoked(reach.into())?;
    }
    Ok(())
}

async fn run_create(create: Create, desk: &Desk<'_>, json: bool) -> Result<(), CliError> {
    let made_up = !create.password_stdin;
    let password = if made_up {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(desk.environment.random_bytes::<15>()))
    } else {
        first_line()?
    };
    let new = NewUser {
        email: create.email,
        name: create.name,
        password: password.clone().into(),
        role: create.role,
    };
    let user = user::create(desk, new).await?;
    let shown = made_up.then_some(password);
    if json {
        return Ok(output::json(&serde_json::json!({
            "user": UserView::from(&user),
            "password": shown.as_deref(),
        }))?);
    }
    let mut fields = vec![("user_id", user.id.to_string()), ("email", user.email)];
    if let Some(password) = shown {
        fields.push(("password", format!("{}   (shown this once)", *password)));
    }
    Ok(output::fields(&fields)?)
}

fn first_line() -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
