//! `authserver admin user`

use std::io::{self, BufRead as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::super::{CliError, output};
use super::{Counter, Part, change};
use crate::admin::{
    CreateUser, DeleteUser, DisableUser, EnableUser, GetUser, ListUsers, SignUserOut, UpdateUser,
    UserPath,
};
use crate::administration::Change;
use crate::administration::user::{
    AccountChange, NewUser, UserList, UserPatch, UserQuery, UserStatus, UserView,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an account. Without a password one is made up and shown once.
    Create(Create),
    /// List users, newest first.
    List(List),
    /// Show a user.
    Get(Who),
    /// Change a user; what is not named stays as it is.
    Update(Update),
    /// Delete a user, and end everything that stands for them.
    Delete(Who),
    /// Let a person sign in no more, and end everything that stands for them.
    Disable(Who),
    /// Let a disabled person sign in again.
    Enable(Who),
    /// End everything that stands for a person: sessions, codes, tokens.
    ForceLogout(Who),
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// The user's id or e-mail address.
    user: String,
}

impl Who {
    fn path(&self) -> UserPath {
        UserPath { user: self.user.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only the one with this e-mail address.
    #[arg(long)]
    email: Option<String>,
    /// Only those with this role: user or admin.
    #[arg(long)]
    role: Option<String>,
    /// Only those who may not sign in.
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    part: Part,
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

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    who: Who,
    /// E-mail address, the sign-in name.
    #[arg(long)]
    email: Option<String>,
    /// Name shown to the user.
    #[arg(long)]
    name: Option<String>,
    /// Read a new password from the first line of standard input. Ends their sessions.
    #[arg(long)]
    password_stdin: bool,
    /// user or admin.
    #[arg(long)]
    role: Option<String>,
}

pub(super) async fn run(command: Command, counter: &Counter<'_>) -> Result<(), CliError> {
    match command {
        Command::Create(create) => run_create(create, counter).await,
        Command::List(List { email, role, disabled, part }) => {
            let status = disabled.then_some(UserStatus::Disabled);
            let Part { limit, offset } = part;
            let query = UserQuery { email, status, role, limit, offset };
            let said = |list: &UserList| {
                table(&list.users)?;
                output::part(list.users.len(), list.total, offset)
            };
            counter.show(ListUsers { query }, said).await
        }
        Command::Get(who) => counter.show(GetUser { path: who.path() }, fields).await,
        Command::Update(update) => run_update(update, counter).await,
        Command::Delete(who) => {
            let done = |_: &_| output::line(&format!("User {} is deleted.", who.user));
            counter.show(DeleteUser { path: who.path() }, done).await
        }
        Command::Disable(who) => {
            let disable = DisableUser { path: who.path() };
            counter.show(disable, |change| ended(&who, "disabled", change)).await
        }
        Command::Enable(who) => {
            let done = |_: &_| output::line(&format!("User {} is enabled.", who.user));
            counter.show(EnableUser { path: who.path() }, done).await
        }
        Command::ForceLogout(who) => {
            let sign_out = SignUserOut { path: who.path() };
            counter.show(sign_out, |change| ended(&who, "signed out everywhere", change)).await
        }
    }
}

fn ended(who: &Who, how: &str, change: &AccountChange) -> io::Result<()> {
    output::line(&format!("User {} is {how}.", who.user))?;
    output::revoked(change.revoked)
}

fn table(users: &[UserView]) -> io::Result<()> {
    let rows = users.iter().map(|user| {
        let (email, name) = (user.email.clone(), user.name.clone());
        let status = user.status.as_str().to_owned();
        vec![user.id.to_string(), email, name, user.role.clone(), status]
    });
    output::table(&["ID", "E-MAIL", "NAME", "ROLE", "STATUS"], rows.collect())
}

fn fields(user: &UserView) -> io::Result<()> {
    output::fields(&[
        ("user_id", user.id.to_string()),
        ("email", user.email.clone()),
        ("name", user.name.clone()),
        ("role", user.role.clone()),
        ("status", user.status.as_str().to_owned()),
        ("password", if user.has_password { "set" } else { "none" }.to_owned()),
        ("created at", output::time(user.created_at)),
        ("updated at", output::time(user.updated_at)),
    ])
}

async fn run_create(create: Create, counter: &Counter<'_>) -> Result<(), CliError> {
    let made_up = !create.password_stdin;
    let password = if made_up {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(counter.environment.random_bytes::<15>()))
    } else {
        first_line()?
    };
    let Create { email, name, role, .. } = create;
    let body = NewUser { email, name, password: password.clone().into(), role };
    let user = counter.office.carry_out(CreateUser { body }).await?;
    let shown = made_up.then_some(password);
    if counter.json {
        let answer = serde_json::json!({ "user": user, "password": shown.as_deref() });
        return Ok(output::json(&answer)?);
    }
    let mut fields = vec![("user_id", user.id.to_string()), ("email", user.email)];
    if let Some(password) = shown {
        fields.push(("password", format!("{}   (shown this once)", *password)));
    }
    Ok(output::fields(&fields)?)
}

async fn run_update(update: Update, counter: &Counter<'_>) -> Result<(), CliError> {
    let password = update.password_stdin.then(first_line).transpose()?;
    let body = UserPatch {
        email: change(update.email),
        name: change(update.name),
        password: password.map_or(Change::Keep, |password| Change::Set(password.into())),
        role: change(update.role),
    };
    counter.show(UpdateUser { path: update.who.path(), body }, fields).await
}

fn first_line() -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().read_line(&mut line)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
