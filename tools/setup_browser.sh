#!/usr/bin/env bash
# Make sure that there is a Chromium for the portal's tests: Debian's, because Playwright's own build is not to be had
# everywhere. Prints nothing when there is one.
set -euo pipefail

for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
command -v apt-get >/dev/null || {
  echo "setup: no Chromium on the PATH; install one for the portal's tests" >&2
  exit 1
}
echo "Installing Chromium"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null
