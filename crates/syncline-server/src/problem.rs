//! What a server says when it does not do what it was asked (RFC 9457).

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use syncline_model::json::{Json, Object};

use crate::pages;

/// The media type of a problem.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A request that was not carried out. Holds no value of a record, and no token.
#[derive(Debug)]
pub(crate) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    code: Box<str>,
    status: StatusCode,
    detail: String,
    /// In seconds; there only where the same may succeed later.
    retry_after_s: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
    members: Object,
}

/// Why the server itself refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No access token came with it.
    TokenMissing,
    /// The access token is none of this hub, or has expired or was revoked.
    TokenInvalid,
    /// The session is none, or has ended.
    SessionEnded,
    /// A change without the text that shows that a page of the hub itself asks for it.
    CsrfTokenInvalid,
    /// As many sessions as there may be.
    SessionsFull,
    /// The ticket is none, was used or is too old.
    TicketInvalid,
    /// The role of the token does not allow it.
    NotPermitted,
    /// There is no such path.
    RouteUnknown,
    /// The path is there, and this is not done with it.
    MethodNotAllowed,
    /// What is asked for in the address is not understood.
    QueryInvalid,
    /// What a header says is not understood.
    HeaderInvalid,
    /// The body is not understood.
    BodyInvalid,
    /// The body is too long, as it is or decompressed.
    BodyTooLarge,
    /// The body is of another kind than is taken here.
    MediaTypeUnsupported,
    /// The body is compressed in a way that is not taken.
    CodingUnsupported,
    /// Too many requests with one token.
    RateLimited,
    /// Too many requests at once.
    ServerBusy,
    /// The server is about to stop.
    ServerStopping,
    /// It took too long.
    RequestTimeout,
    /// A mistake of the server.
    ServerFault,
    /// A page of another site asks.
    OriginForbidden,
    /// The record is not there.
    RecordNotFound,
    /// The record is another by now.
    PreconditionFailed,
    /// A key was used for another request before.
    IdempotencyKeyReused,
    /// A request with the key is under way.
    IdempotencyKeyInUse,
    /// A request with the key was carried out, or cut off, and its answer cannot be told.
    IdempotencyKeySpent,
    /// There is no such access token.
    TokenUnknown,
    /// As many tokens as there may be.
    TokensFull,
    /// The name of a hub is none.
    HubNameInvalid,
    /// There is a hub of that name.
    HubExists,
    /// There is no such version of a schema.
    SchemaUnknown,
    /// There is no page of that code.
    PageUnknown,
    /// The hub has not come so far yet.
    HubBehind,
    /// There is no such endpoint.
    EndpointUnknown,
    /// There is no such event, or nothing is known of it any more.
    EventUnknown,
    /// Nothing opens a route that only a secret opens.
    CronSecretUnset,
    /// It is opened by another secret.
    CronSecretWrong,
    /// There is no such receiver.
    ReceiverUnknown,
    /// There is a receiver of that name.
    ReceiverExists,
    /// Another receiver of the hub has one of its secrets.
    ReceiverSecretShared,
    /// As many receivers as a hub has.
    ReceiversFull,
    /// A receiver has no secret to verify with.
    ReceiverNoSecret,
    /// The body is understood, and cannot be meant.
    BodyUnfit,
    /// Only a WebSocket is answered here.
    UpgradeRequired,
}

impl Refusal {
    /// Returns the stable code, which has a page in `docs/errors/`.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TokenMissing => "ACCESS_TOKEN_MISSING",
            Self::TokenInvalid => "ACCESS_TOKEN_INVALID",
            Self::SessionEnded => "SESSION_ENDED",
            Self::CsrfTokenInvalid => "CSRF_TOKEN_INVALID",
            Self::SessionsFull => "SESSIONS_FULL",
            Self::TicketInvalid => "TICKET_INVALID",
            Self::NotPermitted => "PERMISSION_DENIED",
            Self::RouteUnknown => "ROUTE_UNKNOWN",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::QueryInvalid => "QUERY_INVALID",
            Self::HeaderInvalid => "HEADER_INVALID",
            Self::BodyInvalid => "BODY_INVALID",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::MediaTypeUnsupported => "MEDIA_TYPE_UNSUPPORTED",
            Self::CodingUnsupported => "CODING_UNSUPPORTED",
            Self::RateLimited => "RATE_LIMITED",
            Self::ServerBusy => "SERVER_BUSY",
            Self::ServerStopping => "SERVER_STOPPING",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::ServerFault => "SERVER_FAULT",
            Self::OriginForbidden => "ORIGIN_FORBIDDEN",
            Self::RecordNotFound => "RECORD_NOT_FOUND",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::IdempotencyKeyInUse => "IDEMPOTENCY_KEY_IN_USE",
            Self::IdempotencyKeySpent => "IDEMPOTENCY_KEY_SPENT",
            Self::TokenUnknown => "ACCESS_TOKEN_UNKNOWN",
            Self::TokensFull => "ACCESS_TOKENS_FULL",
            Self::HubNameInvalid => "HUB_NAME_INVALID",
            Self::HubExists => "HUB_EXISTS",
            Self::SchemaUnknown => "SCHEMA_VERSION_UNKNOWN",
            Self::PageUnknown => "PAGE_UNKNOWN",
            Self::HubBehind => "HUB_BEHIND",
            Self::EndpointUnknown => "ENDPOINT_UNKNOWN",
            Self::EventUnknown => "EVENT_UNKNOWN",
            Self::CronSecretUnset => "CRON_SECRET_UNSET",
            Self::CronSecretWrong => "CRON_SECRET_WRONG",
            Self::ReceiverUnknown => "RECEIVER_UNKNOWN",
            Self::ReceiverExists => "RECEIVER_EXISTS",
            Self::ReceiverSecretShared => "RECEIVER_SECRET_SHARED",
            Self::ReceiversFull => "RECEIVERS_FULL",
            Self::ReceiverNoSecret => "RECEIVER_NO_SECRET",
            Self::BodyUnfit => "WEBHOOK_DATA_UNFIT",
            Self::UpgradeRequired => "UPGRADE_REQUIRED",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::SessionEnded
            | Self::TicketInvalid
            | Self::CronSecretWrong => StatusCode::UNAUTHORIZED,
            Self::NotPermitted | Self::OriginForbidden | Self::CsrfTokenInvalid => {
                StatusCode::FORBIDDEN
            }
            Self::RouteUnknown
            | Self::RecordNotFound
            | Self::TokenUnknown
            | Self::EndpointUnknown
            | Self::ReceiverUnknown
            | Self::EventUnknown
            | Self::SchemaUnknown
            | Self::PageUnknown => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::QueryInvalid | Self::HeaderInvalid | Self::BodyInvalid | Self::HubNameInvalid => {
                StatusCode::BAD_REQUEST
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaTypeUnsupported | Self::CodingUnsupported => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::ServerBusy
            | Self::SessionsFull
            | Self::ServerStopping
            | Self::RequestTimeout
            | Self::HubBehind
            | Self::CronSecretUnset
            | Self::ReceiverNoSecret => StatusCode::SERVICE_UNAVAILABLE,
            Self::ServerFault => StatusCode::INTERNAL_SERVER_ERROR,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::IdempotencyKeyReused | Self::BodyUnfit => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TokensFull
            | Self::HubExists
            | Self::ReceiverExists
            | Self::ReceiverSecretShared
            | Self::IdempotencyKeyInUse
            | Self::IdempotencyKeySpent
            | Self::ReceiversFull => StatusCode::CONFLICT,
            Self::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        }
    }

    /// Returns when the same may succeed, in seconds; nothing if it never does.
    const fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::RateLimited
            | Self::ServerBusy
            | Self::ServerStopping
            | Self::RequestTimeout
            | Self::IdempotencyKeyInUse
            | Self::HubBehind => Some(1),
            Self::SessionsFull => Some(60),
            _ => None,
        }
    }

    /// Says what was wrong here.
    pub(crate) fn because(self, detail: impl Into<String>) -> Problem {
        let problem = Problem::new(self.code(), self.status(), detail);
        let problem = match self {
            Self::TokenMissing
            | Self::TokenInvalid
            | Self::SessionEnded
            | Self::TicketInvalid
            | Self::CronSecretWrong => {
                problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => problem,
        };
        match self.retry_after_s() {
            Some(after_s) => problem.with_retry(after_s),
            None => problem,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        refusal.because("")
    }
}

impl Problem {
    /// Builds a problem with a code of another part of the hub.
    pub(crate) fn new(code: &str, status: StatusCode, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            code: code.into(),
            status,
            detail: detail.into(),
            retry_after_s: None,
            headers: Vec::new(),
            members: Object::new(),
        }))
    }

    /// Says that the same may succeed later.
    #[must_use]
    pub(crate) fn with_retry(mut self, after_s: u64) -> Self {
        self.0.retry_after_s = Some(after_s);
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds a member to the document.
    #[must_use]
    pub(crate) fn with_member(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.0.members.insert(key, value);
        self
    }

    /// Returns the stable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Returns whether whoever asks is at fault.
    pub(crate) fn is_of_the_asker(&self) -> bool {
        self.0.status.is_client_error()
    }

    /// Returns the document.
    pub(crate) fn document(&self) -> Object {
        let mut document = Object::new();
        document.insert("type", format!("/problems/{}", self.0.code));
        document.insert("title", pages::title(&self.0.code).unwrap_or("Refused"));
        document.insert("status", u64::from(self.0.status.as_u16()));
        document.insert("code", &*self.0.code);
        if !self.0.detail.is_empty() {
            document.insert("detail", self.0.detail.as_str());
        }
        document.insert("retryable", self.0.retry_after_s.is_some());
        for (key, value) in self.0.members.iter() {
            document.insert(key, value.clone());
        }
        document
    }

    /// Returns the answer; `request` is the id of the request.
    pub(crate) fn into_response(self, request: &str) -> Response<Body> {
        let mut document = self.document();
        document.insert("request", request);
        let body = Json::Object(document).to_compact_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(after_s) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        for (name, value) in self.0.headers {
            headers.insert(name, value);
        }
        response
    }
}
