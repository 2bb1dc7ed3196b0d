//! Who asks, and under which correlation id.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use actors::audit::Origin;
use protocol::dpop::ProofRefusal;
use protocol::jose::CompactRefusal;

use crate::flows::dpop::SentProof;

/// The origin of a request, as an extractor.
#[derive(Debug, Clone)]
pub(crate) struct Asker(pub(crate) Origin);

impl Asker {
    /// The correlation id.
    pub(crate) fn trace_id(&self) -> &str {
        self.0.trace_id.as_deref().unwrap_or_default()
    }

    /// The asker of `request`, noted by [`super::observe`] when it came in.
    pub(crate) fn of(request: &HttpRequest) -> Asker {
        request.extensions().get::<Asker>().cloned().unwrap_or(Asker(Origin::local()))
    }
}

impl FromRequest for Asker {
    type Error = actix_web::Error;
    type Future = Ready<Result<Asker, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Asker::of(request)))
    }
}

impl FromRequest for SentProof {
    type Error = actix_web::Error;
    type Future = Ready<Result<SentProof, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(sent_proof(request)))
    }
}

/// The `DPoP` header.
pub(crate) fn sent_proof(request: &HttpRequest) -> SentProof {
    let mut headers = request.headers().get_all("dpop");
    match (headers.next(), headers.next()) {
        (None, _) => SentProof::None,
        (Some(_), Some(_)) => SentProof::Unusable(ProofRefusal::Several),
        (Some(value), None) => value.to_str().map_or(
            SentProof::Unusable(ProofRefusal::Unreadable(CompactRefusal::Malformed)),
            |text| SentProof::One(text.to_owned()),
        ),
    }
}

/// The `Authorization` header, if there is one that is text.
#[derive(Debug)]
pub(crate) struct Authorization(pub(crate) Option<String>);

impl FromRequest for Authorization {
    type Error = actix_web::Error;
    type Future = Ready<Result<Authorization, actix_web::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut headers = request.headers().get_all(actix_web::http::header::AUTHORIZATION);
        let (first, second) = (headers.next(), headers.next());
        // One that is not text, or one of several, is no credential of anybody, and not
        // "none" either.
        let text = first.map(|value| match (value.to_str(), second) {
            (Ok(text), None) => text.to_owned(),
            _ => "unreadable".to_owned(),
        });
        ready(Ok(Authorization(text)))
    }
}
