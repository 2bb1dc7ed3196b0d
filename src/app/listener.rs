//! The two listeners: from a connection that was accepted to the requests on it.
//!
//! HTTP/1.1, with TLS 1.2 or 1.3 where there are certificates. What clients may cost is
//! bounded on the way: connections in all and from one network, the TLS handshake, and from
//! there on what [`super::connection`] bounds. HTTP/2 is not spoken
//! (`docs/decisions/0009-http-1-1-only.md`).

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::body::MessageBody;
use actix_http::error::DispatchError;
use actix_http::{HttpServiceBuilder, Request, Response};
use actix_service::{
    IntoServiceFactory as _, Service as _, ServiceFactory, ServiceFactoryExt as _,
    apply_fn_factory, fn_service, map_config,
};
use actix_web::dev::{AppConfig, Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, web};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::{Pace, Patience, Patient, Socket};
use super::crowd::{Crowd, Full, Place};
use super::tls::Certificates;
use super::{BootError, Services};
use crate::http::{self, Surface, Transport};

/// How long a client may take for the TLS handshake, however long `server.read_timeout` is.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the kernel holds on to what a client does not take, however long
/// `server.write_timeout` is.
#[cfg(target_os = "linux")]
const LONGEST_UNSENT: Duration = Duration::from_secs(24 * 60 * 60);
/// Connections to the admin listener: operators, their console and Prometheus.
const ADMIN_CONNECTIONS: usize = 256;

/// One of the two surfaces.
pub(super) struct Listener {
    surface: Surface,
    routes: fn(&mut web::ServiceConfig, &Services),
    setting: &'static str,
}

pub(super) const PUBLIC: Listener =
    Listener { surface: Surface::Public, routes: http::public_routes, setting: "server.address" };
pub(super) const ADMIN: Listener =
    Listener { surface: Surface::Admin, routes: http::admin_routes, setting: "admin.address" };

impl Listener {
    /// Serves what connects to `listener`.
    ///
    /// # Errors
    /// When the listener, or TLS, cannot be set up.
    pub(super) fn serve(
        &self,
        listener: TcpListener,
        services: &Arc<Services>,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Server, BootError> {
        let settings = &services.config.server;
        let address = listener.local_addr().unwrap_or(settings.address);
        let setting = self.setting;
        let refused = |cause| BootError::Listen { address, setting, cause };
        give_up_on_unsent(&listener, settings.write_timeout).map_err(refused)?;

        let workers = match self.surface {
            Surface::Public => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            Surface::Admin => 1,
        };
        let connections = match self.surface {
            Surface::Public => usize::try_from(settings.max_connections).unwrap_or(usize::MAX),
            Surface::Admin => ADMIN_CONNECTIONS,
        };
        let builder = Server::build()
            .workers(workers)
            .max_concurrent_connections(connections.div_ceil(workers))
            .shutdown_timeout(settings.shutdown_wait.as_secs().max(1))
            .disable_signals();
        let stopping = builder.graceful_shutdown_signal();
        let stopping = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let transport = if certificates.is_some() { Transport::Tls } else { Transport::Plain };
        let front = Front {
            services: Arc::clone(services),
            surface: self.surface,
            routes: self.routes,
            transport,
        };
        let door = Door {
            crowd: Crowd::new(connections, &settings.trusted_proxies),
            patience: Patience {
                head: settings.read_timeout,
                idle: settings.idle_timeout,
                answer: settings.write_timeout,
            },
        };
        let name = format!("{setting} {address}");
        let listening = match certificates {
            None => builder.listen(name, listener, move || {
                let (door, patience) = (door.clone(), door.patience);
                fn_service(move |stream| door.clone().plain(stream)).and_then(requests(
                    front.clone(),
                    patience,
                    stopping.clone(),
                ))
            }),
            Some(certificates) => {
                let acceptor = TlsAcceptor::from(Arc::new(certificates.server_config()?));
                let handshake = settings.read_timeout.min(LONGEST_HANDSHAKE);
                builder.listen(name, listener, move || {
                    let (door, patience, acceptor) =
                        (door.clone(), door.patience, acceptor.clone());
                    fn_service(move |stream| door.clone().tls(stream, acceptor.clone(), handshake))
                        .and_then(requests(front.clone(), patience, stopping.clone()))
                })
            }
        };
        Ok(listening.map_err(refused)?.run())
    }
}

/// Has the kernel give up on a client that takes nothing of what was sent: what fits into its
/// buffers no longer shows to us. Inherited by every connection.
#[cfg(target_os = "linux")]
fn give_up_on_unsent(listener: &TcpListener, after: Duration) -> io::Result<()> {
    // The option counts milliseconds in 31 bits.
    SockRef::from(listener).set_tcp_user_timeout(Some(after.min(LONGEST_UNSENT)))
}

/// Other systems have no such option, and limits of their own.
#[cfg(not(target_os = "linux"))]
fn give_up_on_unsent(_: &TcpListener, _: Duration) -> io::Result<()> {
    Ok(())
}

/// Lets connections in.
#[derive(Debug, Clone)]
struct Door {
    crowd: Arc<Crowd>,
    patience: Patience,
}

/// A connection that was let in, and whose it is.
type Entered<S> = Result<(Patient<S>, Option<SocketAddr>), DispatchError>;

impl Door {
    async fn plain(self, stream: TcpStream) -> Entered<TcpStream> {
        let (place, peer) = self.enter(&stream)?;
        Ok((Patient::new(stream, self.patience, place), Some(peer)))
    }

    async fn tls(
        self,
        stream: TcpStream,
        acceptor: TlsAcceptor,
        patience: Duration,
    ) -> Entered<TlsStream<TcpStream>> {
        let (place, peer) = self.enter(&stream)?;
        let stream = match timeout(patience, acceptor.accept(stream)).await {
            Ok(accepted) => accepted?,
            Err(_) => return Err(DispatchError::SlowRequestTimeout),
        };
        Ok((Patient::new(stream, self.patience, place), Some(peer)))
    }

    fn enter(&self, stream: &TcpStream) -> io::Result<(Option<Place>, SocketAddr)> {
        let peer = stream.peer_addr()?;
        match self.crowd.enter(peer.ip()) {
            Ok(place) => Ok((place, peer)),
            Err(Full) => {
                let counter = "authserver_connections_cut_off_total";
                metrics::counter!(counter, "reason" => "too_many").increment(1);
                Err(io::Error::from(io::ErrorKind::QuotaExceeded))
            }
        }
    }
}

/// What answers the requests of a surface.
#[derive(Clone)]
struct Front {
    services: Arc<Services>,
    surface: Surface,
    routes: fn(&mut web::ServiceConfig, &Services),
    transport: Transport,
}

/// Reads requests from connections, and answers them.
fn requests<S: Socket, Stopped: Future<Output = ()> + 'static>(
    front: Front,
    patience: Patience,
    stopping: impl Fn() -> Stopped + 'static,
) -> impl ServiceFactory<
    (Patient<S>, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> {
    let app = map_config(app(front), |()| AppConfig::default());
    let app = app.map_err(|error: actix_web::Error| Response::from(error.error_response()));
    let paced = apply_fn_factory(app, |request: Request, app| {
        let answering = request.conn_data::<Rc<Pace>>().map(Pace::answer);
        let answer = app.call(request);
        async move {
            let answer = answer.await;
            drop(answering);
            answer
        }
    });
    HttpServiceBuilder::default()
        .graceful_shutdown_signal(stopping)
        .client_request_timeout(patience.head)
        .client_disconnect_timeout(patience.answer)
        .keep_alive(patience.idle)
        .on_connect_ext(|connection: &Patient<S>, data| {
            data.insert(Rc::clone(connection.pace()));
        })
        .h1(paced)
}

/// Leaves undone what its client gave up before we began. It may have repeated the request elsewhere
/// and gone on from there: after a process stood still, a refresh token that waited in its ears is an
/// old one, whose use would end the family. What only reads does no harm, and is answered.
async fn unless_given_up(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let ended = request.conn_data::<Rc<Pace>>().is_some_and(|pace| pace.has_ended());
    if ended && !request.method().is_safe() {
        let counter = "authserver_connections_cut_off_total";
        metrics::counter!(counter, "reason" => "given_up").increment(1);
        // A connection with a body that nobody read would be kept open for the rest of it.
        drop(request.extract::<web::Bytes>().await);
        let unread = HttpResponse::RequestTimeout().finish();
        return Ok(request.into_response(unread).map_into_right_body());
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

/// The routes of a surface, and what stands in front of all of them.
fn app(
    Front { services, surface, routes, transport }: Front,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = ServiceResponse<impl MessageBody + 'static>,
    Error = actix_web::Error,
    InitError = (),
> {
    let app = App::new()
        .app_data(web::Data::from(Arc::clone(&services)))
        .app_data(surface)
        .app_data(transport)
        .wrap(from_fn(http::guard))
        .wrap(from_fn(http::observe))
        .wrap(from_fn(unless_given_up))
        .configure(move |app| routes(app, &services));
    app.into_factory()
}
