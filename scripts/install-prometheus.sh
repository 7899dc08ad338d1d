#!/usr/bin/env bash
# Unpacks Debian's Prometheus, the server and promtool, into a folder. Nothing of the system changes, so it needs no root
# where apt knows the package, and no service is started. The test of deploy/monitoring calls this by itself.
set -euo pipefail

folder=${1:?"usage: install-prometheus.sh FOLDER"}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# Tests run side by side.
exec 9>"$folder/lock"
flock 9
if [ -x "$folder/usr/bin/prometheus" ] && [ -x "$folder/usr/bin/promtool" ]; then
  echo "Prometheus is unpacked"
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "error: no apt-get here; put prometheus and promtool into $folder/usr/bin by hand" >&2
  exit 1
fi
rm -rf "$folder/package"
mkdir "$folder/package"
cd "$folder/package"
# apt verifies what it downloads. Its lists may be missing or name a version that is gone.
if ! apt-get download prometheus; then
  apt-get update
  apt-get download prometheus
fi
dpkg-deb -x prometheus_*.deb unpacked
mkdir -p "$folder/usr/bin"
mv unpacked/usr/bin/prometheus unpacked/usr/bin/promtool "$folder/usr/bin/"
rm -rf "$folder/package"
