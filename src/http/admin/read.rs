//! Reading a request strictly: what is not described is refused by name, and nothing is
//! taken for something else.

use actix_web::dev::Payload as RawPayload;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path, Payload};
use actix_web::{FromRequest as _, HttpRequest};
use protocol::text::holds_nul;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::body::{self, Unread};
use super::MAX_BODY;
use crate::admin::{Fault, Operation, Problem};
use crate::app::Services;

/// The members of the path. What cannot be an id of such a thing is the id of none.
pub(super) fn path<O: Operation>(request: &HttpRequest) -> Result<O::Path, Problem> {
    let read = Path::<O::Path>::from_request(request, &mut RawPayload::None).into_inner();
    let readable = read.ok().map(Path::into_inner).filter(|path| !holds_nul(&as_value(path)));
    readable.ok_or_else(|| {
        let mut things = O::FAULTS.iter().rev().filter_map(|fault| match fault {
            Fault::NotFound(kind) => Some(kind.error()),
            _ => None,
        });
        let error = things.next().unwrap_or("not_found");
        Problem::new(StatusCode::NOT_FOUND, error, "Nothing has an id like this.")
    })
}

/// The members of the query, each at most once.
pub(super) fn query<Q: Serialize + DeserializeOwned>(request: &HttpRequest) -> Result<Q, Problem> {
    let read = web::Query::<Q>::from_query(request.query_string());
    let query = read.map_err(|error| Problem::unreadable(None, format!("query: {error}")))?;
    let query = query.into_inner();
    if holds_nul(&as_value(&query)) {
        return Err(Problem::unreadable(None, "query: U+0000 is in no value"));
    }
    Ok(query)
}

/// The body: a JSON object, or nothing at all where no member is required.
pub(super) async fn body<B: Serialize + DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    services: &Services,
) -> Result<B, Problem> {
    let patience = services.config.server.read_timeout;
    let bytes = body::read(payload, MAX_BODY, patience).await.map_err(unread)?;
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return parsed(b"{}");
    }
    if !says_json(request) {
        let detail = "Send the body as application/json.";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "invalid_request", detail));
    }
    parsed(bytes)
}

fn unread(unread: Unread) -> Problem {
    let status = match unread {
        Unread::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Unread::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Unread::Broken => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, "invalid_request", unread.to_string())
}

fn says_json(request: &HttpRequest) -> bool {
    body::is_of_type(request.headers(), "application/json")
}

fn parsed<B: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<B, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize::<_, B>(&mut reader);
    let body = read.map_err(|error| {
        let at = error.path().to_string();
        let member = Some(at).filter(|at| at != ".");
        let place = member.as_ref().map(|member| format!("{member}: ")).unwrap_or_default();
        Problem::unreadable(member, format!("{place}{}", error.inner()))
    })?;
    reader.end().map_err(|error| Problem::unreadable(None, error.to_string()))?;
    let sent: Value = serde_json::from_slice(bytes)
        .map_err(|error| Problem::unreadable(None, error.to_string()))?;
    if let Some(member) = list_for_object(&sent, &as_value(&body)) {
        let detail = format!("{member}: an object is expected, not a list");
        return Err(Problem::unreadable(Some(member), detail));
    }
    if holds_nul(&sent) {
        return Err(Problem::unreadable(None, "U+0000 is in no value"));
    }
    Ok(body)
}

/// Where the request has a list and what was read of it an object: serde takes the values
/// of a list for the members of a struct, in the order of their declaration.
fn list_for_object(sent: &Value, read: &Value) -> Option<String> {
    match (sent, read) {
        (Value::Array(_), Value::Object(_)) => Some("the body".to_owned()),
        (Value::Array(sent), Value::Array(read)) => {
            let pairs = sent.iter().zip(read).enumerate();
            let wrong = |(at, (sent, read))| within(&format!("[{at}]"), sent, read);
            { pairs }.find_map(wrong)
        }
        (Value::Object(sent), Value::Object(read)) => {
            let wrong = |(name, sent): (&String, &Value)| within(name, sent, read.get(name)?);
            sent.iter().find_map(wrong)
        }
        _ => None,
    }
}

fn within(name: &str, sent: &Value, read: &Value) -> Option<String> {
    if sent.is_array() && read.is_object() {
        return Some(name.to_owned());
    }
    list_for_object(sent, read).map(|inner| format!("{name}.{inner}").replace(".[", "["))
}

fn as_value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Vec<Inner>,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        size: u8,
    }

    fn refused(body: &str) -> (Option<String>, String) {
        let problem = parsed::<Outer>(body.as_bytes()).unwrap_err();
        assert_eq!((problem.status, problem.error.as_str()), (400, "invalid_request"));
        (problem.member, problem.detail)
    }

    #[test]
    fn what_is_described_is_read() {
        let read = parsed::<Outer>(br#"{"name": "a", "inner": [{"size": 1}]}"#).unwrap();
        assert_eq!((read.name.as_str(), read.inner[0].size), ("a", 1));
    }

    #[test]
    fn a_stranger_a_repetition_and_a_wrong_type_are_named() {
        assert!(refused(r#"{"name": "a", "nmae": "b"}"#).1.contains("nmae"));
        assert!(refused(r#"{"name": "a", "name": "b"}"#).1.contains("duplicate field `name`"));
        assert!(refused("{}").1.contains("missing field `name`"));
        let (member, detail) = refused(r#"{"name": "a", "inner": [{"size": "1"}]}"#);
        assert_eq!(member.as_deref(), Some("inner[0].size"), "{detail}");
    }

    #[test]
    fn a_list_is_not_taken_for_an_object_at_any_depth() {
        assert!(refused(r#"["a", []]"#).1.contains("the body"));
        let (member, _) = refused(r#"{"name": "a", "inner": [{"size": 1}, [2]]}"#);
        assert_eq!(member.as_deref(), Some("inner[1]"));
    }

    #[test]
    fn more_than_one_value_and_a_nul_are_refused() {
        refused(r#"{"name": "a"} {"name": "b"}"#);
        refused(r#"{"name": "a\u0000"}"#);
        refused("name=a");
    }
}
