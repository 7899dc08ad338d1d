//! What we sign the official libraries of Standard Webhooks verify, and what they sign we verify.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use syncline_protocol::webhook::secret::{Secret, SecretKind};
use syncline_protocol::webhook::sign::Signer;
use syncline_protocol::webhook::verify::{Received, Verifier};

/// One request: the secret of its receiver, and what it is made of.
struct Case {
    secret: Secret,
    id: String,
    timestamp_s: u64,
    signature: String,
    body: String,
}

/// The libraries look at the clock, so requests are made now.
fn cases() -> Vec<Case> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let timestamp_s = now.as_secs();
    let long = format!(r#"{{"text":"{}"}}"#, "Zürich 🌱 \\n".repeat(10_000));
    let bodies = [
        "{}",
        r#"{"type":"a.b","data":{"n":1}}"#,
        r#"{"name":"Ærø 東京 🌍"}"#,
        " \n",
        long.as_str(),
    ];
    let secrets = [
        Secret::parse("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap(),
        Secret::symmetric([0xfb; 32]),
        Secret::parse(&format!("whsec_{}", "QUFB".repeat(21))).unwrap(),
        Secret::signing([7; 32]),
    ];
    let mut cases = Vec::new();
    for (number, secret) in secrets.iter().enumerate() {
        for (index, body) in bodies.iter().enumerate() {
            let id = format!("event-{number}-{index}");
            // As while secrets are replaced: those that the receiver does not know sign as well.
            let other = Secret::symmetric([9; 32]);
            let signer = Signer::new([&secrets[3], &other, secret]).unwrap();
            let signature = signer.signature(&id, timestamp_s, body.as_bytes());
            let secret = secret.verifying().unwrap_or_else(|| secret.clone());
            cases.push(Case { secret, id, timestamp_s, signature, body: (*body).to_owned() });
        }
    }
    cases
}

/// Sees that a signature of a library is verified, and is ours.
fn check_theirs(case: &Case, signature: &str) {
    let timestamp = case.timestamp_s.to_string();
    let received = Received {
        id: Some(case.id.as_bytes()),
        timestamp: Some(timestamp.as_bytes()),
        signature: Some(signature.as_bytes()),
        plain_signature: None,
        body: case.body.as_bytes(),
    };
    let verifier = Verifier::new([&case.secret]).unwrap();
    assert!(verifier.verify(&received, case.timestamp_s).is_ok(), "{}", case.id);
    let other = Received { body: b"{\"other\":1}", ..received };
    assert!(verifier.verify(&other, case.timestamp_s).is_err(), "{}", case.id);
    let ours = Signer::new([&case.secret]).unwrap();
    assert_eq!(ours.signature(&case.id, case.timestamp_s, case.body.as_bytes()), signature);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Installs the libraries unless they are there, and returns the folder that they are in.
fn libraries() -> PathBuf {
    let root = root();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhook-libraries");
    let mut installer = Command::new("bash");
    let installer = installer.arg(root.join("scripts/install-webhook-libraries.sh")).arg(&folder);
    let installed = installer.output().unwrap();
    let told = String::from_utf8_lossy(&installed.stderr);
    assert!(installed.status.success(), "the libraries cannot be installed:\n{told}");
    folder
}

/// Gives cases to a program, and returns the signatures that it has made.
fn run(command: &mut Command, cases: &[&Case]) -> Vec<String> {
    let mut lines = String::new();
    for case in cases {
        let (secret, timestamp_s) = (case.secret.expose(), case.timestamp_s);
        let (id, signature) = (&case.id, &case.signature);
        write!(lines, "{}\t{id}\t{timestamp_s}\t{signature}\t", secret.as_str()).unwrap();
        case.body.bytes().for_each(|byte| write!(lines, "{byte:02x}").unwrap());
        lines.push('\n');
    }
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = program.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    feeding.join().unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/app/official").join(name)
}

#[test]
fn the_official_libraries_of_three_languages_and_we_verify_each_other() {
    let folder = libraries();
    let cases = cases();
    let of = |kind: SecretKind| -> Vec<&Case> {
        cases.iter().filter(|case| case.secret.kind() == kind).collect()
    };
    let node = || {
        let mut node = Command::new("node");
        node.arg(program("libraries.mjs")).arg(folder.join("npm"));
        node
    };
    let mut python = Command::new(folder.join("python/bin/python"));
    python.arg(program("libraries.py"));
    let mut rust = Command::new(folder.join("rust/debug/webhook-libraries"));
    let symmetric = of(SecretKind::Symmetric);
    assert_eq!(symmetric.len(), 15);
    for command in [&mut node(), &mut python, &mut rust] {
        let signatures = run(command, &symmetric);
        assert_eq!(signatures.len(), symmetric.len());
        symmetric.iter().zip(&signatures).for_each(|(case, theirs)| check_theirs(case, theirs));
    }
    let asymmetric = of(SecretKind::Verifying);
    assert_eq!(run(&mut node(), &asymmetric), ["", "", "", "", ""]);
}
