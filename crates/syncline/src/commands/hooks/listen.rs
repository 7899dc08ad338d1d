//! `syncline hooks listen`: events go to an application on this machine as they come.
//!
//! Nothing has to reach this machine from outside: the hub is asked. What is forwarded is signed as a hub
//! would; an application that refuses it is said to have done so, and gets the next one. It is for trying out:
//! an endpoint retries.

use std::thread;
use std::time::{Duration, Instant};

use syncline_model::json::{Json, Object};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::sign::Signer;

use super::{listed, now_s, secrets, told};
use crate::arguments::Listen;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::{Format, Paint};
use crate::remote::{REQUEST_TIME_MAX, Remote, RemoteError, agent, is_of_this_machine};
use crate::run::Context;

/// How long to rest where nothing has come.
const REST: Duration = Duration::from_millis(500);
/// How long to rest where the hub was not there.
const REST_LONG: Duration = Duration::from_secs(5);
/// How often Ctrl-C is looked for.
const BEAT: Duration = Duration::from_millis(100);
/// How many events are asked for at once.
const PAGE: &str = "100";
/// How long the application may take for one.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);

pub(super) fn run(context: &Context, listen: &Listen) -> Result<Exit, Failure> {
    if context.output.format == Format::Json {
        let next = "use --jsonl: one document per event";
        return Err(Refusal::usage("listening has no end, so it is not one document", next).into());
    }
    let remote = Remote::new(&listen.at)?;
    let forward = Forward::new(listen)?;
    if let Some(secret) = &forward.shown {
        context.output.note(&format!("signed with {secret}"));
    }
    let mut place = listen.after.clone().unwrap_or_else(|| "latest".to_owned());
    // The first answer fails the command: a wrong token or address is not waited for.
    let mut answer = remote.get(&["events", "log"], &query(&place, listen))?;
    context.output.note(&format!("forwarding to {}; Ctrl-C ends it", listen.forward));
    let mut left = listen.count.unwrap_or(u64::MAX);
    loop {
        for event in listed(&answer, "events") {
            if left == 0 || context.is_interrupted() {
                return Ok(Exit::Ok);
            }
            forward.send(context, &event);
            left -= 1;
        }
        if left == 0 {
            return Ok(Exit::Ok);
        }
        let next = told(&answer, "next");
        let is_new = next != place;
        place = next;
        if !is_new && !rest(context, REST) {
            return Ok(Exit::Ok);
        }
        answer = loop {
            if context.is_interrupted() {
                return Ok(Exit::Ok);
            }
            match remote.get(&["events", "log"], &query(&place, listen)) {
                Ok(answer) => break answer,
                Err(error) if is_passing(&error) => {
                    context.output.warn(&format!("{error}; trying again"));
                    if !rest(context, REST_LONG) {
                        return Ok(Exit::Ok);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
    }
}

fn query<'q>(place: &'q str, listen: &'q Listen) -> Vec<(&'q str, &'q str)> {
    let mut query = vec![("limit", PAGE), ("cursor", place)];
    query.extend(listen.events.as_deref().map(|types| ("types", types)));
    query
}

fn is_passing(error: &RemoteError) -> bool {
    error.exit() == Exit::Transient
}

/// Rests; answers whether to go on.
fn rest(context: &Context, time: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if context.is_interrupted() {
            return false;
        }
        thread::sleep(BEAT);
    }
    !context.is_interrupted()
}

/// Where events go, and what they are signed with.
struct Forward {
    agent: ureq::Agent,
    url: String,
    signer: Signer,
    /// The secret, where it was made here.
    shown: Option<String>,
}

impl Forward {
    fn new(listen: &Listen) -> Result<Self, Failure> {
        let address: Option<ureq::http::Uri> = listen.forward.parse().ok();
        let host = address.as_ref().and_then(ureq::http::Uri::host);
        if !host.is_some_and(is_of_this_machine) {
            let what = "--forward is not an address of this machine";
            return Err(Refusal::usage(
                what,
                "write it as http://localhost:3000/api/webhooks/sync",
            )
            .into());
        }
        let mut known = secrets(&listen.secret_file)?;
        let mut shown = None;
        if known.is_empty() {
            let mut random = [0; 32];
            getrandom::fill(&mut random).map_err(|_| {
                Refusal::usage("no random numbers are there", "name one: --secret-file")
            })?;
            let secret = Secret::symmetric(random);
            shown = Some(secret.expose().to_string());
            known.push(secret);
        }
        let signer = Signer::new(&known).map_err(|error| {
            Refusal::usage(error.to_string(), "name the file of a secret that signs")
        })?;
        Ok(Self { agent: agent(REQUEST_TIME_MAX), url: listen.forward.clone(), signer, shown })
    }

    /// Sends an event, and says what came of it.
    fn send(&self, context: &Context, event: &Object) {
        let (id, body) = (told(event, "id"), Json::Object(event.clone()).to_compact_string());
        let timestamp_s = now_s();
        let mut request = self
            .agent
            .post(&self.url)
            .config()
            .timeout_global(Some(ANSWER_TIME_MAX))
            .build()
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp_s.to_string());
        if self.signer.is_standard() {
            let signature = self.signer.signature(&id, timestamp_s, body.as_bytes());
            request = request.header("webhook-signature", signature);
        }
        if let Some(signature) = self.signer.plain_signature(body.as_bytes()) {
            request = request.header("x-webhook-signature", signature);
        }
        let begun = Instant::now();
        let answer = request.send(&body);
        let (mut document, took) = (Object::new(), begun.elapsed().as_millis());
        document.insert("schema", "forwarded/1");
        for name in ["id", "type", "resourceType", "resourceId", "sequence"] {
            document.insert(name, event.get(name).cloned().unwrap_or(Json::Null));
        }
        let said = match answer {
            Ok(answer) => {
                let status = answer.status();
                document.insert("status", u64::from(status.as_u16()));
                let paint = if status.is_success() { Paint::Green } else { Paint::Red };
                context.output.paint(paint, status.as_str())
            }
            Err(error) => {
                let error = RemoteError::reason_of(&error);
                document.insert("reason", error.as_str());
                context.output.paint(Paint::Red, &error)
            }
        };
        document.insert("durationMs", u64::try_from(took).unwrap_or(u64::MAX));
        context.output.line(&format!("{said}  {}  {id}  {took} ms", told(event, "type")));
        context.output.json(document);
    }
}
