//! What the figures of a hub that is served are called.

use syncline_server::MetricsNames;

use super::super::document::MetricsText;
use super::super::error::{At, Refusal};
use super::super::limits::METRICS_NAME_BYTES_MAX;

pub(super) fn metrics(text: &MetricsText) -> Result<MetricsNames, Refusal> {
    let at = At::new("metrics");
    let mut names = MetricsNames::default();
    if let Some(prefix) = &text.prefix {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let begins = prefix.starts_with(|c: char| c.is_ascii_lowercase());
        let fits = prefix.len() <= METRICS_NAME_BYTES_MAX && !prefix.ends_with('_');
        if !begins || !fits || !prefix.bytes().all(is_word) {
            let why = "it is the beginning of every figure's name, which Prometheus reads";
            let next = "use up to 64 small letters, digits and underscores, such as `rdap_sync`";
            return Err(Refusal::new(at.key("prefix"), "is no beginning of a name", why, next));
        }
        names.prefix.clone_from(prefix);
    }
    if let Some(region) = &text.region {
        let fits = !region.is_empty() && region.len() <= METRICS_NAME_BYTES_MAX;
        if !fits || region.chars().any(char::is_control) {
            let why = "it is the label `region` of every figure";
            let next = "use a word of up to 64 bytes, such as `eu-west`";
            return Err(Refusal::new(at.key("region"), "is no name of a region", why, next));
        }
        names.region = Some(region.clone());
    }
    Ok(names)
}
