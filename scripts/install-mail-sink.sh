#!/usr/bin/env bash
# Makes an environment of Python with the mail server of the tests, in the versions and with the digests that
# crates/syncline/tests/it/mail/requirements.txt names. The test that needs it calls this by itself.
set -euo pipefail

folder=${1:?"usage: install-mail-sink.sh FOLDER"}
wanted=$(cd "$(dirname "$0")/../crates/syncline/tests/it/mail" && pwd)/requirements.txt
if cmp --silent "$wanted" "$folder/installed.txt"; then
  echo "the mail server is installed"
  exit 0
fi
python3 -m venv --clear "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
  --only-binary :all: -r "$wanted"
cp "$wanted" "$folder/installed.txt"
