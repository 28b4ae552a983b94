#!/usr/bin/env bash
# Resolve the ranges of the pyproject files into the lock files (exact versions with hashes).
set -euo pipefail
uv=${UV:-.venv/bin/uv}
common=(--quiet --generate-hashes --no-header --universal --python-version 3.11)
"$uv" pip compile "${common[@]}" requirements/bootstrap.in -o requirements/bootstrap.lock "$@"
"$uv" pip compile "${common[@]}" --override requirements/overrides.txt --extra dev --extra cli pyproject.toml lambda_src/pyproject.toml -o requirements/dev.lock "$@"
"$uv" pip compile "${common[@]}" --override requirements/lambda-provided.txt lambda_src/pyproject.toml -o requirements/lambda.lock "$@"
if [ -f requirements/checkov.in ]; then
  "$uv" pip compile "${common[@]}" requirements/checkov.in -o requirements/checkov.lock "$@"
fi
