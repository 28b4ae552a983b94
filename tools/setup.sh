#!/usr/bin/env bash
# Create a virtual environment with exactly the packages of a lock file.
#
#   tools/setup.sh VENV LOCK [EDITABLE…]
#
# uv installs in seconds what takes pip minutes; where uv cannot reach the package index (an index
# that only pip's own configuration knows), pip installs the same locked, hash-checked packages.
set -euo pipefail

venv=$1 lock=$2
shift 2
stamp="$venv/.installed"
wanted=$(cat "$lock" "$0" lambda_src/pyproject.toml pyproject.toml | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "setup: Python 3.11 or newer is needed, $("$python" --version) was found; set PYTHON=/path/to/python3.11" >&2
  exit 1
}
echo "Installing the packages of $lock into $venv"
"$python" -m venv --clear "$venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# uv trusts the certificates that it brings along; a company's own are known to the system.
export UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1
"$venv/bin/python" -m pip install --quiet --no-deps --require-hashes -r requirements/bootstrap.lock 2>/dev/null ||
  echo "setup: uv is not to be had, pip will install the packages" >&2

# --no-deps: the lock is complete, and it leaves out on purpose what requirements/overrides.txt names.
install() {
  if [ -x "$venv/bin/uv" ] && "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" "$@"; then return; fi
  echo "setup: installing with pip instead" >&2
  "$venv/bin/python" -m pip install --quiet "$@"
}
install --no-deps --require-hashes -r "$lock"
for project in "$@"; do install --no-deps -e "$project"; done
printf '%s\n' "$wanted" >"$stamp"
