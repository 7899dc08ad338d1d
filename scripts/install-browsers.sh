#!/usr/bin/env bash
# Installs the browsers that the TypeScript client is tested in, and the programs that drive them,
# only those that are missing. Needs root and Debian or a child of it for what comes as a package.
# `cargo xtask browsers` calls this by itself.
#
# Debian has no package of Firefox's driver; it is built from the crate registry, once, into
# target/tools. Without root only that is done, and a missing package is an error.
set -euo pipefail

# Named, so that what is tested with does not change by itself.
geckodriver_version=0.37.1
root="$(cd "$(dirname "$0")/.." && pwd)"
tools="$root/target/tools"

# Program on the search path, then the package that brings it.
wanted=(
  chromium chromium
  chromedriver chromium-driver
  firefox-esr firefox-esr
  WebKitWebDriver webkit2gtk-driver
  Xvfb xvfb
)

missing=()
for ((i = 0; i < ${#wanted[@]}; i += 2)); do
  command -v "${wanted[i]}" >/dev/null 2>&1 || missing+=("${wanted[i + 1]}")
done

if [ "${#missing[@]}" -eq 0 ]; then
  echo "every browser is installed"
else
  echo "missing packages: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    echo "error: installing packages needs root" >&2
    exit 1
  fi
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: no apt-get here; install them by hand: ${missing[*]}" >&2
    exit 1
  fi
  # Debian starts the services of a package when it installs it; exit code 101 of this file
  # forbids it. A file that was there before is left alone.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install --yes --no-install-recommends "${missing[@]}"
fi

if command -v geckodriver >/dev/null 2>&1; then
  echo "geckodriver is installed"
# All of it is read before it is looked at: grep may go at the first match, and geckodriver would fail for that.
elif said="$("$tools/bin/geckodriver" --version 2>/dev/null)" && [[ "$said" == *"geckodriver $geckodriver_version"* ]]; then
  echo "geckodriver $geckodriver_version is in $tools"
else
  echo "building geckodriver $geckodriver_version into $tools"
  # A debug build takes half the time, and it is not what is measured.
  cargo install geckodriver --version "$geckodriver_version" --locked --debug --root "$tools"
fi
