#!/usr/bin/env bash
# Installs the servers that `cargo xtask bench hooks` starts for its peers, Redis and PostgreSQL, only those that are missing.
# Needs root and Debian or a child of it. The benchmark calls this by itself. No service is started and no cluster is made.
set -euo pipefail

missing=()
command -v redis-server >/dev/null 2>&1 || missing+=(redis-server)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "every server of the peers is installed"
  exit 0
fi

echo "missing packages: ${missing[*]}" >&2
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
# The package of PostgreSQL makes a cluster of its own unless this says no.
cluster=/etc/postgresql-common/createcluster.conf
if [ ! -e "$cluster" ]; then
  mkdir -p "$(dirname "$cluster")"
  echo 'create_main_cluster = false' >"$cluster"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"
