//! From a request to its route: who asks, whether that is allowed, and what is answered.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, Version, header};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures_util::FutureExt;
use syncline_model::json::Object;
use syncline_policy::view::Permit;
use tokio::time::timeout;
use tower::util::MapResponseLayer;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access::{Caller, Cookie, Role, TokenRow, next_auth, now_ms};
use crate::asked::{Asked, Asker, Query, bearer, only};
use crate::dashboard;
use crate::hubs::{Desk, HubName};
use crate::limits::{COMPRESSED_BYTES_MIN, CORS_TIME};
use crate::origin::Page;
use crate::problem::{Problem, Refusal};
use crate::rate::Quota;
use crate::routes::{Access, Answer, Method, Pace, Route, Scope, Shows, TABLE};
use crate::state::State;
use crate::traffic::{Traffic, counted};

/// What every hub but the default one is below.
const OF_HUB: &str = "/h/{hub}";
/// The header with the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header by which a page shows that it is one of this server.
const CSRF: HeaderName = HeaderName::from_static("x-syncline-csrf");
/// What opens what only cron jobs ask for. Source: spec 004.
const CRON_SECRET: HeaderName = HeaderName::from_static("x-cron-secret");
/// What is said of something that has begun, and takes longer than anybody waits for it.
const MAY_STILL_FINISH: &str = "it goes on and may still be done; ask again with the same Idempotency-Key, or the \
    same ids, and you learn what came of it";
const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// Makes the router from the table.
pub(crate) fn router(state: &Arc<State>) -> Router {
    let paths: BTreeSet<&'static str> = TABLE.iter().map(|route| route.path).collect();
    let mut router = Router::new();
    for path in paths {
        let routes: Vec<&'static Route> = TABLE.iter().filter(|route| route.path == path).collect();
        router = router.route(path, methods(&routes, state));
        if routes.iter().all(|route| route.scope == Scope::Hub) {
            router = router.route(&format!("{OF_HUB}{path}"), methods(&routes, state));
        }
    }
    router = router.merge(dashboard::routes(state));
    let state = Arc::clone(state);
    let origins = state.origins.clone();
    let Traffic { out_wire, out_plain, .. } = state.metrics.synchronization.traffic.clone();
    let router = router.fallback(move || {
        let state = Arc::clone(&state);
        async move { refused(&state, "unknown", Refusal::RouteUnknown.into()) }
    });
    let worthwhile = SizeAbove::new(COMPRESSED_BYTES_MIN)
        .and(NotForContentType::SSE)
        .and(NotForContentType::IMAGES);
    let compression =
        CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worthwhile);
    let plain = MapResponseLayer::new(move |answer| counted(answer, &out_plain));
    let wire = MapResponseLayer::new(move |answer| counted(answer, &out_wire));
    router.layer(plain).layer(compression).layer(wire).layer(cors(origins))
}

/// What pages of other sites may do: those on the list everything that a token allows, others
/// nothing. A browser sends no token by itself, so nothing is allowed with credentials.
fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    use axum::http::Method as Verb;
    let verbs = [Verb::GET, Verb::POST, Verb::PUT, Verb::PATCH, Verb::DELETE];
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        HeaderName::from_static("last-event-id"),
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("traceparent"),
    ];
    let shown =
        [header::ETAG, header::LOCATION, header::RETRY_AFTER, REQUEST_ID, RATE, RATE_POLICY];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods(verbs)
        .allow_headers(headers)
        .expose_headers(shown)
        .max_age(CORS_TIME)
}

/// Returns what is done with one path.
fn methods(routes: &[&'static Route], state: &Arc<State>) -> MethodRouter {
    let mut methods = MethodRouter::new();
    for &route in routes {
        let state = Arc::clone(state);
        let handler = move |params: RawPathParams, request: Request| {
            answer(route, Arc::clone(&state), params, request)
        };
        methods = methods.merge(on(filter(route.method), handler));
    }
    let allowed: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    let allowed = HeaderValue::from_str(&allowed.join(", "));
    let allowed = allowed.expect("invariant: methods are words");
    let state = Arc::clone(state);
    methods.fallback(move || {
        let problem = Problem::from(Refusal::MethodNotAllowed);
        let problem = problem.with_header(header::ALLOW, allowed.clone());
        let state = Arc::clone(&state);
        async move { refused(&state, "unknown", problem) }
    })
}

const fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// Refuses what belongs to no route of the table.
pub(crate) fn refused(state: &State, route: &'static str, problem: Problem) -> Response<Body> {
    let id = state.request_id();
    let response = problem.into_response(&id);
    state.metrics.answered(route, response.status().as_u16(), std::time::Duration::ZERO);
    with_id(response, &id)
}

fn with_id(mut response: Response<Body>, id: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Answers a request of a route, whatever happens.
async fn answer(
    route: &'static Route,
    state: Arc<State>,
    params: RawPathParams,
    request: Request,
) -> Response<Body> {
    let started = Instant::now();
    let id = state.request_id();
    let params = params
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect::<Vec<(Box<str>, Box<str>)>>();
    let (version, has_body) = (request.version(), !request.body().is_end_stream());
    let mut met = Met::default();
    let carried_out = carry_out(route, &state, params, request, &mut met);
    // A mistake of ours fails one request, and never the others.
    let carried_out = AssertUnwindSafe(carried_out).catch_unwind().await;
    let answer = carried_out.unwrap_or_else(|_| Err(Refusal::ServerFault.into()));
    let mut response = answer.unwrap_or_else(|problem| problem.into_response(&id));
    // A body that nobody read ends the connection, and whoever sends the next request shall know.
    if has_body && !met.is_let_in && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(quota) = met.quota {
        let headers = response.headers_mut();
        for (name, value) in [(RATE, quota.field()), (RATE_POLICY, state.rates.policy())] {
            headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        }
    }
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status().as_u16();
    state.metrics.answered(route.name, status, started.elapsed());
    if let Some(desk) = met.desk {
        desk.activity.answered(status);
    }
    with_id(response, &id)
}

/// What a request met on its way.
#[derive(Default)]
struct Met {
    /// Which hub was asked, once it is known who asks it.
    desk: Option<Arc<Desk>>,
    quota: Option<Quota>,
    /// Whether it came to its route, which reads its body.
    is_let_in: bool,
}

async fn carry_out(
    route: &'static Route,
    state: &Arc<State>,
    params: Vec<(Box<str>, Box<str>)>,
    request: Request,
    met: &mut Met,
) -> Answer {
    let (parts, body) = request.into_parts();
    let hub = params.iter().find(|(name, _)| **name == *"hub").map(|(_, value)| &**value);
    let desk = match hub {
        None => Some(Arc::clone(state.hubs.default_desk())),
        Some(name) => state.hubs.find(name),
    };
    let desk = match (desk, route.access) {
        (Some(desk), _) => desk,
        (None, Access::Everybody | Access::Signed) => return Err(Refusal::RouteUnknown.into()),
        // A hub that is not there looks as one whose token one has not.
        (None, _) => {
            return Err(match bearer(&parts.headers)? {
                Some(_) => Refusal::TokenInvalid,
                None if Cookie::sent(&parts.headers, hub).is_some() => Refusal::SessionEnded,
                None => Refusal::TokenMissing,
            }
            .into());
        }
    };
    let query = Query::read(parts.uri.query().unwrap_or_default(), route);
    let caller = caller(route, &parts, query.as_ref().ok(), state, &desk)?;
    met.desk = Some(Arc::clone(&desk));
    if let Some(caller) = &caller {
        let hub = desk.name.as_ref().map_or("", |name| name.as_str());
        let counted = state.rates.count(&format!("{hub}/{}", caller.token.id), Instant::now());
        met.quota = Some(counted);
        if counted.is_exceeded {
            return Err(Problem::from(Refusal::RateLimited).with_retry(counted.reset_s.max(1)));
        }
        if !route.access.roles().contains(&caller.token.role) {
            let text = format!("a token with the role {} may not do this", caller.token.role);
            return Err(Refusal::NotPermitted.because(text));
        }
    }
    if state.is_stopping() && route.access != Access::Everybody {
        return Err(Refusal::ServerStopping.into());
    }
    let place = match route.pace {
        Pace::Works => Some(state.requests.try_enter(desk.label()).ok_or(Refusal::ServerBusy)?),
        Pace::Waits => None,
    };
    let state = Arc::clone(state);
    let body = Mutex::new(body);
    let permit = permit(route, caller.as_ref(), &desk)?;
    let asker = Asker { state, desk, caller, permit };
    let asked = Asked { asker, params, query: query?, parts, body };
    met.is_let_in = true;
    let (open, time) = (asked.state.streams.upgrade(), asked.state.request_time);
    let handled = (route.handler)(asked);
    if route.method == Method::Get || place.is_none() {
        let handled = timeout(time, handled).await;
        return handled.unwrap_or_else(|_| Err(Refusal::RequestTimeout.into()));
    }
    // Whoever asked may leave at any point, and waits so long at most. What is carried out in several steps is not left
    // half done for that, such as a token that is made and not yet in the audit: it has its place until it has ended,
    // and a server that ends waits for it.
    let to_its_end = async move {
        let _held = (place, open);
        handled.await
    };
    match timeout(time, tokio::spawn(to_its_end)).await {
        Ok(carried_out) => carried_out.map_err(|_| Refusal::ServerFault)?,
        Err(_) => Err(Refusal::RequestTimeout.because(MAY_STILL_FINISH)),
    }
}

/// Returns who asks, by what the route is opened with; nobody where nobody is asked.
fn caller(
    route: &Route,
    parts: &Parts,
    query: Option<&Query>,
    state: &State,
    desk: &Desk,
) -> Result<Option<Caller>, Problem> {
    Ok(match route.access {
        // Its route looks at the signature.
        Access::Everybody | Access::Signed => None,
        Access::Cron => {
            by_cron(&parts.headers, desk)?;
            None
        }
        Access::RolesOrSignIn(_) => Some(match bearer(&parts.headers)? {
            Some(token) => by_token(token, state, desk)?,
            None => match by_sign_in(&parts.headers, desk) {
                Some(signed_in) => signed_in?,
                None => by_session(parts, route.method, desk)?,
            },
        }),
        Access::Roles(_) => Some(match bearer(&parts.headers)? {
            Some(token) => by_token(token, state, desk)?,
            None => by_session(parts, route.method, desk)?,
        }),
        Access::RolesOrTicket(_) => {
            let ticket = query.and_then(|query| query.text("ticket"));
            Some(match ticket {
                Some(ticket) => by_ticket(ticket, desk)?,
                None => {
                    let token = bearer(&parts.headers)?.ok_or(Refusal::TokenMissing)?;
                    by_token(token, state, desk)?
                }
            })
        }
    })
}

fn by_token(token: &str, state: &State, desk: &Desk) -> Result<Caller, Problem> {
    if state.issuers.may_know(token) {
        let hub = desk.name.as_ref().map(HubName::as_str);
        let found = state.issuers.find(token, hub, now_ms());
        return found.map_err(|why| {
            state.metrics.refused(why.as_str());
            Refusal::TokenInvalid.into()
        });
    }
    Ok(desk.tokens.find(token).ok_or(Refusal::TokenInvalid)?)
}

/// Refuses who does not know the secret of cron jobs: in a header of spec 004's, or as cron jobs of Vercel say it.
fn by_cron(headers: &HeaderMap, desk: &Desk) -> Result<(), Problem> {
    let secret = desk.application.as_ref().and_then(|known| known.cron_secret.as_ref());
    let secret = secret.ok_or(Refusal::CronSecretUnset)?;
    let said = match only(headers, &CRON_SECRET)? {
        Some(said) => Some(said),
        None => bearer(headers)?,
    };
    // Two hashes are compared in constant time.
    let known = blake3::hash(secret.expose().as_bytes());
    let is_it = said.is_some_and(|said| blake3::hash(said.as_bytes()) == known);
    if is_it { Ok(()) } else { Err(Refusal::CronSecretWrong.into()) }
}

/// Returns who is signed in at the application that the environment names, as its admin; nothing if nobody says to be.
fn by_sign_in(headers: &HeaderMap, desk: &Desk) -> Option<Result<Caller, Problem>> {
    let secret = desk.application.as_ref().and_then(|known| known.session_secret.as_ref())?;
    if !next_auth::is_sent(headers) {
        return None;
    }
    if !next_auth::is_admin(headers, secret.expose(), now_ms()) {
        let text = "the session of the application is none of an admin, or has ended";
        return Some(Err(Refusal::TokenInvalid.because(text)));
    }
    let row = TokenRow {
        id: "application".into(),
        name: "application".into(),
        role: Role::Admin,
        client: None,
        created_ms: 0,
        expires_ms: None,
        claims: Object::new(),
        hash: None,
    };
    Some(Ok(Caller::by_token(Arc::new(row))))
}

/// Returns who is signed in. A browser sends the cookie whoever has the page ask; so no page of another site is
/// answered, and what changes anything has to show besides that a page of this server asks for it.
fn by_session(parts: &Parts, method: Method, desk: &Desk) -> Result<Caller, Problem> {
    let hub = desk.name.as_ref().map(HubName::as_str);
    let cookie = Cookie::sent(&parts.headers, hub).ok_or(Refusal::TokenMissing)?;
    let signed_in = desk.sessions.find(cookie, now_ms());
    // Its token may have been revoked since.
    let signed_in = signed_in.filter(|one| desk.tokens.is_still_good(&one.session.token));
    let signed_in = signed_in.ok_or(Refusal::SessionEnded)?;
    match (Page::of(parts), method) {
        (Page::Own, _) | (Page::Unknown, Method::Get) => {}
        _ => {
            let text =
                "with a session only pages of this server ask: Sec-Fetch-Site or Origin say so";
            return Err(Refusal::OriginForbidden.because(text));
        }
    }
    if method != Method::Get {
        let csrf = only(&parts.headers, &CSRF)?;
        if !csrf.is_some_and(|csrf| signed_in.is_csrf(csrf)) {
            return Err(Refusal::CsrfTokenInvalid.into());
        }
    }
    let token = Arc::clone(&signed_in.session.token);
    Ok(Caller { token, signed_in: Some(signed_in) })
}

/// Returns what whoever asks may see and write of the records. A route that shows records whatever
/// they are is for those only from whom nothing is kept.
fn permit(route: &Route, caller: Option<&Caller>, desk: &Desk) -> Result<Arc<Permit>, Problem> {
    let Some(Caller { token, .. }) = caller else { return Ok(Arc::default()) };
    let permit = desk.access.permit(token.role.as_str(), &token.claims);
    if route.shows == Shows::Everything && !permit.allows_everything() {
        let text =
            "the rules of access keep something from this token, and this route shows everything";
        return Err(Refusal::NotPermitted.because(text));
    }
    Ok(Arc::new(permit))
}

fn by_ticket(ticket: &str, desk: &Desk) -> Result<Caller, Problem> {
    let caller = desk.tickets.take(ticket).ok_or(Refusal::TicketInvalid)?;
    // The token may have been revoked since, or the page signed out.
    match caller.is_still_permitted(&desk.tokens) {
        Ok(()) => Ok(caller),
        Err(_) => Err(Refusal::TicketInvalid.into()),
    }
}
