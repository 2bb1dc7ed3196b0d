//! A process that stood still and goes on, with requests in its ears whose clients have left.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use tokio::time::sleep;

use crate::kit::Backend;
use crate::kit::process::Installation;
use crate::kit::tenant::{App, Machine};

/// How long what was heard may take to have its effect, on a machine that is busy.
const A_WHILE: Duration = Duration::from_secs(3);

/// The client was cut off, repeated its request elsewhere, and went on from there: its first request
/// would be the use of an old refresh token, and the end of the family.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_waits_for_any_more_is_not_done_after_a_standstill() {
    let one = Installation::new(Backend::Postgres).await;
    let other = one.replica();
    let mut frozen = one.start().await;
    let server = other.start().await;
    Machine::create(&one, &mut frozen).await;
    let (app, tips) = App::sign_in(&one, &frozen.url(""), 1).await;
    let first = &tips[0];

    frozen.freeze();
    let form = format!("grant_type=refresh_token&client_id={}&refresh_token={first}", app.id);
    let mut left = TcpStream::connect(one.address()).unwrap();
    write!(
        left,
        "POST /oauth/token HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    drop(left);
    let endpoint = server.url("/oauth/token");
    let second = app.refresh(&endpoint, first).await.unwrap().member("refresh_token");
    let third = app.refresh(&endpoint, &second).await.unwrap().member("refresh_token");

    frozen.thaw();
    sleep(A_WHILE).await;
    let fourth = app.refresh(&endpoint, &third).await.unwrap();
    assert_eq!(fourth.status, 200, "{fourth:?}\n{}", frozen.tail());
    reading_is_answered_also_when_no_more_is_said(&one);
    frozen.stop().await;
    server.stop().await;
}

/// Who says no more after a request may wait for its answer all the same, as simple tools do.
fn reading_is_answered_also_when_no_more_is_said(installation: &Installation) {
    let mut peer = TcpStream::connect(installation.address()).unwrap();
    peer.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
