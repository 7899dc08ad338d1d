//! Bodies of requests: bounded as they come and as they become.

use std::io::{self, Read};

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use syncline_model::json::{Json, Object, parse};
use tokio::time::timeout;

use crate::limits::{BODY_BYTES_MAX, BODY_RATIO_FREE_BYTES, BODY_RATIO_MAX, BODY_TIME_MAX};
use crate::problem::{Problem, Refusal};
use crate::traffic::Traffic;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

/// Largest window that a compressed body may ask for, as a power of two: that of the longest body.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const _: () = assert!(1 << ZSTD_WINDOW_LOG_MAX == BODY_BYTES_MAX);

/// Reads a body whole, decompressed.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    traffic: &Traffic,
) -> Result<Vec<u8>, Problem> {
    let coding = coding(headers)?;
    let collected = timeout(BODY_TIME_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    let collected = collected.map_err(|_| {
        Refusal::RequestTimeout.because("its body has not come whole; nothing was begun")
    })?;
    let bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(_) => return Err(Refusal::BodyInvalid.because("the body did not come whole")),
    };
    let came_bytes = bytes.len();
    let read = match coding {
        Coding::Identity => Ok(bytes.into()),
        Coding::Gzip => bounded(flate2::read::MultiGzDecoder::new(&*bytes), bytes.len()),
        Coding::Brotli => {
            bounded(brotli_decompressor::Decompressor::new(&*bytes, 16 << 10), bytes.len())
        }
        Coding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(&*bytes).map_err(|_| undecodable())?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| undecodable())?;
            bounded(decoder, bytes.len())
        }
    }?;
    traffic.came(came_bytes, read.len());
    Ok(read)
}

/// Reads a body that is a JSON object; no other media type is taken.
pub(crate) async fn read_object(
    headers: &HeaderMap,
    body: Body,
    traffic: &Traffic,
) -> Result<Object, Problem> {
    match read_json(headers, body, traffic).await? {
        Json::Object(object) => Ok(object),
        _ => Err(Refusal::BodyInvalid.because("the body is not a JSON object")),
    }
}

async fn read_json(headers: &HeaderMap, body: Body, traffic: &Traffic) -> Result<Json, Problem> {
    require_json(headers)?;
    let bytes = read(headers, body, traffic).await?;
    parse(&bytes).map_err(|error| Refusal::BodyInvalid.because(error.to_string()))
}

/// Refuses a body that does not say it is JSON: no form of another site's page can send one.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let said = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || essence.eq_ignore_ascii_case("application/merge-patch+json");
    match is_json {
        true => Ok(()),
        false => Err(Refusal::MediaTypeUnsupported.because("send application/json")),
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let coding = match codings.next().map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("identity") => Some(Coding::Identity),
        Some("gzip") => Some(Coding::Gzip),
        Some("br") => Some(Coding::Brotli),
        Some("zstd") => Some(Coding::Zstd),
        Some(_) => None,
    };
    match (coding, codings.next()) {
        (Some(coding), None) => Ok(coding),
        _ => Err(Refusal::CodingUnsupported.because("one of gzip, br and zstd, once")),
    }
}

/// Decompresses as long as what comes out is in proportion to what went in.
fn bounded(decoder: impl Read, came_bytes: usize) -> Result<Vec<u8>, Problem> {
    let by_ratio = came_bytes.saturating_mul(BODY_RATIO_MAX).max(BODY_RATIO_FREE_BYTES);
    let bytes_max = by_ratio.min(BODY_BYTES_MAX);
    let mut bytes = Vec::new();
    let took = decoder.take(bytes_max as u64 + 1).read_to_end(&mut bytes);
    match took.map_err(|error: io::Error| error.kind()) {
        Ok(_) if bytes.len() <= bytes_max => Ok(bytes),
        Ok(_) => Err(too_large()),
        Err(_) => Err(undecodable()),
    }
}

fn too_large() -> Problem {
    let text = format!("at most {BODY_BYTES_MAX} bytes, and {BODY_RATIO_MAX} times what came");
    Refusal::BodyTooLarge.because(text)
}

fn undecodable() -> Problem {
    Refusal::BodyInvalid.because("the body cannot be decompressed")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;

    use super::*;

    async fn read_coded(coding: &'static str, bytes: Vec<u8>) -> Result<Vec<u8>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        read(&headers, Body::from(bytes), &Traffic::default()).await
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_bomb_is_refused_before_it_is_large() {
        let zeros = vec![0; 64 << 20];
        for (coding, bomb) in
            [("gzip", gzip(&zeros)), ("zstd", zstd::encode_all(&*zeros, 3).unwrap())]
        {
            let refused = read_coded(coding, bomb).await.unwrap_err();
            assert_eq!(refused.code(), "BODY_TOO_LARGE", "{coding}");
        }
        let small = vec![0; 1 << 20];
        let refused = read_coded("gzip", gzip(&small)).await.unwrap_err();
        assert_eq!(refused.code(), "BODY_TOO_LARGE", "by its ratio");
    }

    #[tokio::test]
    async fn what_is_compressed_once_and_whole_is_read() {
        let text = "{\"a\":1}".repeat(9);
        let text = text.as_bytes();
        assert_eq!(read_coded("gzip", gzip(text)).await.unwrap(), text);
        assert_eq!(read_coded("zstd", zstd::encode_all(text, 3).unwrap()).await.unwrap(), text);
        let cut = gzip(text)[..20].to_vec();
        assert_eq!(read_coded("gzip", cut).await.unwrap_err().code(), "BODY_INVALID");
        for coding in ["gzip, gzip", "compress", "GZIP"] {
            let refused = read_coded(coding, gzip(text)).await.unwrap_err();
            assert_eq!(refused.code(), "CODING_UNSUPPORTED", "{coding}");
        }
        let nested = read_coded("gzip", gzip(&gzip(text))).await.unwrap();
        assert_eq!(nested, gzip(text), "only one layer is taken off");
    }
}
