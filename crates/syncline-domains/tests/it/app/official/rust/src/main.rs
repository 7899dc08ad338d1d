//! Verifies and signs with the official library of Standard Webhooks for Rust; see the README of the folder above.

use std::error::Error;
use std::io::{BufRead, stdin};

use http::{HeaderMap, HeaderValue};
use standardwebhooks::{Webhook, WebhookError};

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lock().lines() {
        let line = line?;
        let parts: Vec<&str> = line.split('\t').collect();
        let [secret, id, timestamp, signature, digits] = parts[..] else {
            return Err("a line has five parts".into());
        };
        let body = bytes(digits)?;
        let library = Webhook::new(secret)?;
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", HeaderValue::from_str(id)?);
        headers.insert("webhook-timestamp", HeaderValue::from_str(timestamp)?);
        headers.insert("webhook-signature", HeaderValue::from_str(signature)?);
        library.verify(&body, &headers)?;
        let other = library.verify(&[&body[..], b" "].concat(), &headers);
        if !matches!(other, Err(WebhookError::InvalidSignature)) {
            return Err(format!("{id}: another body is verified").into());
        }
        println!("{}", library.sign(id, timestamp.parse()?, &body)?);
    }
    Ok(())
}

fn bytes(digits: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pair = |at| Ok(u8::from_str_radix(digits.get(at..at + 2).ok_or("half a byte")?, 16)?);
    (0..digits.len()).step_by(2).map(pair).collect()
}
