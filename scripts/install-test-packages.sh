#!/usr/bin/env bash
# Installs the programs that tests start, only those that are missing. Needs root and Debian or a
# child of it. `cargo xtask test` and `cargo xtask api` call this by themselves.
set -euo pipefail

# Program on the search path, then the package that brings it.
wanted=(
  node nodejs
  strace strace
  curl curl
)

missing=()
for ((i = 0; i < ${#wanted[@]}; i += 2)); do
  command -v "${wanted[i]}" >/dev/null 2>&1 || missing+=("${wanted[i + 1]}")
done
# `cargo xtask api` makes an environment of Python.
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3 python3-venv)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "every program that tests start is installed"
  exit 0
fi

echo "missing packages: ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
  echo "error: installing packages needs root" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "error: no apt-get here; install them by hand: ${missing[*]}" >&2
  exit 1
fi

# Debian starts the services of a package when it installs it; exit code 101 of this file forbids
# it. A file that was there before is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 0755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends "${missing[@]}"
