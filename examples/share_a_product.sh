#!/usr/bin/env bash
# The whole story of a shared product, with nothing but the command line `datamesh`: a domain joins, a product is
# registered and found, somebody asks for it, its owner decides, access ends, and the ledger tells all of it.
#
# Start the mesh with `make up`, then run: examples/share_a_product.sh
#
# Another mesh is told by the environment:
#   DATAMESH_CONFIG_FILE  profiles of the people below           (build/datamesh-cli.ini, which `make up` writes)
#   MESH_FILE             JSON with the people's passwords: {"users": [{"email": …, "password": …}], "lakes": …}
#                                                                (build/sandbox.json, which `make up` writes)
#   NEW_DOMAIN            a domain whose account is applied, and that is not registered yet (none: `make up` has none)
#   NEW_DOMAIN_SECRET     full ARN of its config secret
#   NEW_DOMAIN_PROFILE    the profile of one of its owners
#   DATAMESH, PYTHON      the programs                           (those of .venv)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DATAMESH_CONFIG_FILE="${DATAMESH_CONFIG_FILE:-build/datamesh-cli.ini}"
MESH_FILE="${MESH_FILE:-build/sandbox.json}"
DATAMESH="${DATAMESH:-.venv/bin/datamesh}"
PYTHON="${PYTHON:-.venv/bin/python}"
CONTRACT=examples/contracts/fleet.odcs.yaml
PRODUCT=sales.fleet

# --- helpers ---------------------------------------------------------------------------------------------------------

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }

# Show a command, and run it.
run() {
  local word shown="\$ datamesh"
  for word in "$@"; do
    if [[ $word == *[^a-zA-Z0-9_.,:=/@-]* ]]; then
      word=${word@Q}
    fi
    shown+=" $word"
  done
  echo "$shown" >&2
  "$DATAMESH" "$@"
}

# Run a command that must end with a certain code: 1 is "no", 2 is "no answer".
must_end_with() {
  local wanted=$1 code=0
  shift
  run "$@" || code=$?
  if [[ $code -ne $wanted ]]; then
    echo "it ended with $code instead of $wanted" >&2
    exit 1
  fi
  echo "(it ended with $code)"
}

# Print a field of the JSON on stdin, by a path like stages.0.status; nothing where there is none.
field() {
  "$PYTHON" -c '
import json, sys
value = json.load(sys.stdin)
for part in sys.argv[1].split("."):
    if isinstance(value, list):
        value = value[int(part)] if int(part) < len(value) else None
    else:
        value = value.get(part) if isinstance(value, dict) else None
print("" if value is None else value)' "$1"
}

# Run a command until its output has a text: what follows from events takes a moment.
until_it_says() {
  local text=$1 deadline=$((SECONDS + 240)) answer=""
  shift
  while ((SECONDS < deadline)); do
    answer=$("$DATAMESH" "$@")
    if [[ $answer == *"$text"* ]]; then
      return
    fi
    sleep 2
  done
  echo "datamesh $* does not say '$text': $answer" >&2
  exit 1
}

sign_in() {
  local profile=$1
  "$PYTHON" - "$MESH_FILE" "$DATAMESH_CONFIG_FILE" "$profile" <<'PYTHON' | "$DATAMESH" login --profile "$profile" --password-stdin
import configparser, json, sys
mesh_file, config_file, profile = sys.argv[1:]
config = configparser.ConfigParser(interpolation=None)
config.read(config_file)
email = config[f"profile {profile}"]["email"]
print(next(user["password"] for user in json.load(open(mesh_file))["users"] if user.get("email") == email))
PYTHON
}

# --- who plays -------------------------------------------------------------------------------------------------------

say "Everybody signs in. The password goes to the user pool by SRP, and is not kept."
people=(sales-owner sales-steward analyst auditor ${NEW_DOMAIN_PROFILE:+"$NEW_DOMAIN_PROFILE"})
for profile in "${people[@]}"; do
  sign_in "$profile"
done
run whoami --profile sales-owner
run doctor --profile sales-owner

# --- a domain joins --------------------------------------------------------------------------------------------------

if [[ -n ${NEW_DOMAIN:-} ]]; then
  say "The owner of $NEW_DOMAIN registers the domain: its account is there, the mesh learns of it by its config secret."
  run domain register "$NEW_DOMAIN" --config-secret-arn "$NEW_DOMAIN_SECRET" --profile "$NEW_DOMAIN_PROFILE"
  run domain show "$NEW_DOMAIN" --profile "$NEW_DOMAIN_PROFILE"
else
  say "This mesh has no account that waits to join: its domains are registered already."
fi
run domain list --profile analyst

# --- a product -------------------------------------------------------------------------------------------------------

say "A contract with mistakes is refused, each with its line and its field. That needs no mesh."
must_end_with 1 product validate examples/contracts/broken.odcs.yaml
must_end_with 1 product register -f examples/contracts/broken.odcs.yaml --domain sales --profile sales-owner

say "The owner of sales checks a contract, sees what registering it would change, and registers it."
LAKE=$("$PYTHON" -c 'import json, sys; lake = json.load(open(sys.argv[1]))["lakes"]["sales"]; print("s3://" + lake["bucket"] + "/" + lake["prefix"])' "$MESH_FILE")
run product validate "$CONTRACT" --set "SALES_LAKE=$LAKE"
# It would end with 1 if consumers lost something by it.
run product diff "$CONTRACT" --set "SALES_LAKE=$LAKE" --profile sales-owner
run product register -f "$CONTRACT" --set "SALES_LAKE=$LAKE" --profile sales-owner

say "A crawler writes the schema; then the product is found by whoever may discover it, by its columns too."
until_it_says '"crawl_status": "SUCCEEDED"' product show "$PRODUCT" --profile sales-owner --output json
until_it_says "$PRODUCT" product search tailnum --profile analyst
run product search tailnum --profile analyst
run product show "$PRODUCT" --profile analyst

# --- access ----------------------------------------------------------------------------------------------------------

ANALYST=$("$PYTHON" -c 'import json, sys; print(next(user["role_arn"] for user in json.load(open(sys.argv[1]))["users"] if user["name"] == "analyst"))' "$MESH_FILE")
ask=("$PRODUCT" --principal "$ANALYST" --table registrations
  --columns registrations=manufacturer,model,seats,year --rows "registrations=manufacturer = 'BOEING'"
  --days 30 --profile analyst)

say "An analyst of marketing asks what would come of a request: what it shows, and who would have to agree."
run access preview "${ask[@]}"

say "The analyst asks. There is personal data in the product: people decide."
request=$(run access request "${ask[@]}" --justification "How old are the Boeings?" --output json | field request_id)
run access show "$request" --profile analyst

say "The owner of the product sees what waits, what it would expose, and agrees."
until_it_says "$request" approval list --profile sales-owner
run approval list --profile sales-owner
run approval show "$request" --profile sales-owner
run approval approve "$request" --comment "Fine for this study." --yes --profile sales-owner

say "The access is provisioned in the analyst's account, and the product page says how to query it."
run access wait "$request" --profile analyst
run grant list --profile analyst
run grant list --product "$PRODUCT" --profile sales-owner
echo "Run this with Athena, as $ANALYST:"
run product show "$PRODUCT" --profile analyst --output json | field queries.0.sql

say "Another request, for everything, is denied: who waits for it hears so."
second=$(run access request "$PRODUCT" --principal "$ANALYST" --justification "All of it, please." \
  --profile analyst --output json | field request_id)
until_it_says "$second" approval list --profile sales-owner
run approval deny "$second" --comment "Tail numbers lead to people." --yes --profile sales-owner
must_end_with 1 access wait "$second" --profile analyst

say "The steward of sales ends the access: nothing of it is left."
run access revoke "$request" --reason "The study is over." --yes --profile sales-steward
must_end_with 1 access wait "$request" --profile analyst
run grant list --product "$PRODUCT" --profile sales-owner

# --- what was --------------------------------------------------------------------------------------------------------

say "What central did, step by step, and the events of the flow."
run workflow list --domain marketing --limit 5 --profile analyst
run events tail --since 1h --no-follow --profile analyst

say "The ledger has kept who asked, who decided, what was granted, and when it ended."
run audit list --request "$request" --profile auditor

say "Done."
echo "granted and revoked: $request"
echo "denied:              $second"
