#!/usr/bin/env bash
# Installs the official libraries of Standard Webhooks for JavaScript, Python and Rust, and that of CloudEvents for Python, into a
# folder, in the versions and with the digests that crates/syncline-domains/tests/it/app/official names. The tests that need
# them call this by themselves; of two at once one waits for the other.
set -euo pipefail

folder=${1:?"usage: install-webhook-libraries.sh FOLDER"}
named=$(cd "$(dirname "$0")/../crates/syncline-domains/tests/it/app/official" && pwd)
mkdir -p "$folder"
exec 9>"$folder.lock"
flock 9
wanted=$(cat "$named"/package-lock.json "$named"/requirements.txt "$named"/rust/Cargo.lock "$named"/rust/src/main.rs | sha256sum | cut -d' ' -f1)
if [ "$(cat "$folder/installed" 2>/dev/null)" = "$wanted" ]; then
  echo "the libraries are installed"
  exit 0
fi

rm -rf "$folder"
mkdir -p "$folder/npm"
cp "$named"/package.json "$named"/package-lock.json "$folder/npm/"
(cd "$folder/npm" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
  --only-binary :all: -r "$named/requirements.txt"
cargo build --quiet --locked --manifest-path "$named/rust/Cargo.toml" --target-dir "$folder/rust"
printf '%s\n' "$wanted" >"$folder/installed"
