//! How fast is JSON read? `cargo run --release -p syncline-model --example json_speed`
//!
//! The question: can a file of 10,000 records of some 250 bytes, indented by two spaces, be checked
//! and cut into records at 700 MB or more per second of one CPU? What is shown is the mean of half a
//! second of CPU time, so that a busy machine counts little. An argument picks measures by name.
#![expect(clippy::disallowed_methods, reason = "measuring needs a clock; the crate has none")]
#![expect(clippy::print_stdout, reason = "the result is for the person who runs it")]

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use syncline_model::json::raw::{self, Content};
use syncline_model::json::{Json, Leaf, fields, parse};

const RECORDS: usize = 10_000;
const SECONDS_MIN: f64 = 0.5;

fn main() {
    let document = format!("{{\"contacts\":[{}]}}", records().join(","));
    let document = parse(document.as_bytes()).unwrap_or(Json::Null).to_pretty_string();
    let bytes = document.as_bytes();
    println!("{RECORDS} records, {} bytes, {} per record", bytes.len(), bytes.len() / RECORDS);

    measure("check as UTF-8 (std)", bytes.len(), || std::str::from_utf8(bytes).is_ok());
    measure("raw::validate", bytes.len(), || raw::validate(bytes).is_ok());
    measure("raw::collections", bytes.len(), || raw::collections(bytes).is_ok());
    measure("raw::members + elements_lenient", bytes.len(), || {
        let members = raw::members(bytes).unwrap_or_default();
        members.iter().all(|member| raw::elements_lenient(member.value).is_ok())
    });
    measure("parse", bytes.len(), || parse(bytes).is_ok());
    let slices = record_slices(bytes);
    measure("flatten every record", bytes.len(), || {
        slices
            .iter()
            .map(|record| fields::flatten(record).map_or(0, |flat| flat.len()))
            .sum::<usize>()
    });
    measure("a leaf of every record", bytes.len(), || {
        slices.iter().filter(|record| Leaf::from_raw(record).is_ok()).count()
    });
    let tree = parse(bytes).unwrap_or(Json::Null);
    measure("to_pretty_string", bytes.len(), || tree.to_pretty_string().len());
    measure("to_canonical_string", bytes.len(), || tree.to_canonical_string().len());
}

fn records() -> Vec<String> {
    let record = |n: usize| {
        format!(
            r#"{{"id":"contact-{n:06}","name":"Person Number {n}","email":"person{n}@example.org",
            "phone":"+49 30 {:07}","city":"Straße {}","age":{},"active":{},"score":{}.5,
            "updated":"2026-11-20T10:{:02}:00.000Z"}}"#,
            n * 7_919 % 10_000_000,
            n % 97,
            18 + n % 60,
            n.is_multiple_of(3),
            n % 1_000,
            n % 60,
        )
    };
    (0..RECORDS).map(record).collect()
}

fn record_slices(bytes: &[u8]) -> Vec<&[u8]> {
    let collections = raw::collections(bytes).unwrap_or_default();
    let contents = collections.into_iter().map(|collection| collection.content);
    let elements = contents.flat_map(|content| match content {
        Content::Elements(elements) => elements,
        Content::Other(_) => Vec::new(),
    });
    elements.filter_map(|(span, _)| bytes.get(span.range())).collect()
}

fn measure<T>(name: &str, bytes: usize, mut run: impl FnMut() -> T) {
    if std::env::args().nth(1).is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    let start_s = used_s();
    let mut rounds = 0;
    while used_s() - start_s < SECONDS_MIN {
        black_box(run());
        rounds += 1;
    }
    let round_s = (used_s() - start_s) / f64::from(rounds);
    println!("{name:<32} {:>7.0} MB/s {:>8.2} ms", bytes as f64 / round_s / 1e6, round_s * 1e3);
}

/// Returns the seconds that this thread has had a CPU (Linux), or those since the first call.
fn used_s() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let used_ns = schedule.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    used_ns.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns / 1e9)
}
