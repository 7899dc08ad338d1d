//! `syncline hooks sign` and `verify`.

use syncline_model::json::{Json, Object};
use syncline_protocol::webhook::digest::{content_digest, verify_content_digest};
use syncline_protocol::webhook::sign::Signer;
use syncline_protocol::webhook::verify::{Received, Verifier};

use super::{BODY_BYTES_MAX, now_s, read_all, secrets};
use crate::arguments::{Sign, VerifyHook};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::run::Context;

/// Most headers that are looked at.
const HEADERS_MAX: usize = 256;

pub(super) fn sign(context: &Context, sign: &Sign) -> Result<Exit, Failure> {
    let secrets = secrets(&sign.secret_file)?;
    let signer = Signer::new(&secrets).map_err(|error| {
        Refusal::usage(error.to_string(), "name the file of a secret that signs: whsec_ or whsk_")
    })?;
    let body = read_all(&sign.body, BODY_BYTES_MAX)?;
    let timestamp_s = sign.timestamp.unwrap_or_else(now_s);
    let mut headers = vec![("content-digest", content_digest(&body))];
    headers.push(("webhook-id", sign.id.clone()));
    headers.push(("webhook-timestamp", timestamp_s.to_string()));
    if signer.is_standard() {
        headers.push(("webhook-signature", signer.signature(&sign.id, timestamp_s, &body)));
    }
    if let Some(signature) = signer.plain_signature(&body) {
        headers.push(("x-webhook-signature", signature));
    }
    let (mut document, mut said) = (Object::new(), Object::new());
    for (name, value) in &headers {
        said.insert(*name, value.as_str());
        context.output.line(&format!("{name}: {value}"));
    }
    document.insert("schema", "hook-signature/1");
    document.insert("headers", Json::Object(said));
    context.output.json(document);
    Ok(Exit::Ok)
}

pub(super) fn verify(context: &Context, verify: &VerifyHook) -> Result<Exit, Failure> {
    if verify.header.len() > HEADERS_MAX {
        let what = format!("more than {HEADERS_MAX} headers");
        return Err(Refusal::usage(what, "name those that begin with webhook-").into());
    }
    let mut headers = Vec::with_capacity(verify.header.len());
    for header in &verify.header {
        let unfit =
            || Refusal::usage("a header has no colon", "write it as 'webhook-id: event-123'");
        let (name, value) = header.split_once(':').ok_or_else(unfit)?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().as_bytes()));
    }
    let header =
        |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
    let secrets = secrets(&verify.secret_file)?;
    let verifier = Verifier::new(&secrets)
        .map_err(|error| Refusal::usage(error.to_string(), "name the file of a secret"))?;
    let body = read_all(&verify.body, BODY_BYTES_MAX)?;
    let received = Received {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        plain_signature: header("x-webhook-signature"),
        body: &body,
    };
    let verified =
        verifier.verify(&received, verify.now.unwrap_or_else(now_s)).map_err(Failure::Hook)?;
    let digest = header("content-digest").map(|value| verify_content_digest(value, &body));
    let by: Vec<Json> =
        [("standard", verified.is_standard), ("x-webhook-signature", verified.is_plain)]
            .into_iter()
            .filter(|(_, is_so)| *is_so)
            .map(|(name, _)| name.into())
            .collect();
    let names: Vec<&str> = by.iter().filter_map(Json::as_str).collect();
    context.output.line(&format!("The signature is good: {}", names.join(", ")));
    if digest.is_some_and(|digest| digest != Ok(true)) {
        context.output.warn("content-digest is not that of the body; it is not signed");
    }
    let mut document = Object::new();
    document.insert("schema", "hook-verified/1");
    document.insert("verified", by);
    context.output.json(document);
    Ok(Exit::Ok)
}
