# Everything that people and CI run. `make` alone prints this list.
# On a fresh machine every target sets up what it needs (Python packages, the Lambda package, Terraform's provider).

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
TERRAFORM := $(PYTHON) tools/terraform.py
# How many tests run side by side. Tests that share something costly (an applied mesh, plans) stay in one process.
WORKERS ?= 2
# Two of these have an applied mesh and mostly wait.
GROUP_WORKERS ?= 3
GROUPED = -n $(GROUP_WORKERS) --dist loadscope --no-loadscope-reorder
# For plan, apply and destroy: the environment, the account workspace, and where to.
ENV ?= central
WORKSPACE ?= $(ENV)
TARGET ?= aws
DELETE_DATA ?= no

##@ Use

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup host-package ## Run the whole mesh from nothing to a consumer's query, then stop it
	@$(PYTHON) -m sandbox demo

.PHONY: up
up: setup host-package ## Start the sandbox with the mesh and its portal and leave it running (build/sandbox.json)
	@if command -v npm >/dev/null; then $(MAKE) portal; else echo "Without Node.js the portal has its API and no pages."; fi
	@$(PYTHON) -m sandbox up

.PHONY: down
down: setup ## End what `make up` started
	@$(PYTHON) -m sandbox down

##@ Deploy  (ENV=central|domain WORKSPACE=<account workspace> TARGET=aws|sandbox)

.PHONY: package
package: setup ## Build the Lambda package, one deterministic zip per architecture
	@$(PYTHON) tools/package.py

.PHONY: portal
portal: portal/dist/index.html ## Build the portal into portal/dist
	@:

.PHONY: plan
plan: setup deploy-package ## Show what would change in one account workspace
	@$(TERRAFORM) plan --environment $(ENV) --workspace $(WORKSPACE) --target $(TARGET)

.PHONY: apply
apply: setup deploy-package ## Make the changes of one account workspace
	@$(TERRAFORM) apply --environment $(ENV) --workspace $(WORKSPACE) --target $(TARGET)

.PHONY: destroy
destroy: setup deploy-package ## Take one workspace down; data stays unless DELETE_DATA=yes
	@$(TERRAFORM) destroy --environment $(ENV) --workspace $(WORKSPACE) --target $(TARGET) --delete-data $(DELETE_DATA)

##@ Develop

.PHONY: test
test: setup host-package portal browser lint test-unit ## Run all checks
	@$(PYTEST) tests/sandbox tests/portal tests/plan tests/flow $(GROUPED)

.PHONY: lint
lint: setup checkov-setup ## Check style, types, Terraform, generated documents and security rules
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy lambda_src/datamesh sandbox tools tests examples bench
	@terraform fmt -check -recursive modules environments examples
	@$(PYTHON) tools/validate_terraform.py
	@$(PYTHON) tools/terraform_docs.py --check
	@$(PYTHON) tools/generate_event_docs.py --check
	@$(PYTHON) tools/generate_openapi.py --check
	@$(MAKE) portal-lint
	@if command -v tflint >/dev/null; then tflint --recursive; else echo "tflint is not installed, its rules are not run"; fi
	@.venv-checkov/bin/checkov --config-file .checkov.yaml

.PHONY: test-unit
test-unit: setup ## Unit, convention and flow tests of the package (no network)
	@$(PYTEST) tests/unit tests/conventions tests/search_contract -n $(WORKERS)
	@$(MAKE) portal-test

.PHONY: test-plan
test-plan: setup host-package ## Terraform plans against their inventories, and one event followed through each flow
	@$(PYTEST) tests/plan tests/flow $(GROUPED)

.PHONY: test-sandbox
test-sandbox: setup host-package ## The sandbox's own rules and the real mesh in it
	@$(PYTEST) tests/sandbox $(GROUPED)

.PHONY: test-portal
test-portal: setup host-package portal browser ## People in a real browser against the applied mesh (build/screenshots)
	@$(PYTEST) tests/portal

.PHONY: portal-lint
portal-lint: portal/node_modules/.installed ## Check the portal's types, style and accessibility rules
	@npm --prefix portal run --silent lint

.PHONY: portal-test
portal-test: portal/node_modules/.installed ## Unit tests of the portal
	@npm --prefix portal run --silent test

.PHONY: bench-search
bench-search: setup ## Measure the search index at 10,000 products
	@POWERTOOLS_TRACE_DISABLED=true $(PYTHON) -m bench.search

.PHONY: fmt
fmt: setup portal/node_modules/.installed ## Format everything
	@npm --prefix portal run --silent fmt
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .
	@terraform fmt -recursive modules environments examples

.PHONY: docs
docs: setup ## Generate the event reference, the JSON Schemas, OpenAPI and the tables of the module READMEs
	@$(PYTHON) tools/generate_event_docs.py
	@$(PYTHON) tools/generate_openapi.py
	@$(PYTHON) tools/terraform_docs.py

.PHONY: lock
lock: setup ## Resolve the dependency ranges into requirements/*.lock
	@tools/lock.sh

.PHONY: clean
clean: ## Remove what was built (not the virtual environments)
	@rm -rf build

##@ Set up  (called by the targets above)

.PHONY: setup
setup: ## Create .venv with the locked packages
	@tools/setup.sh .venv requirements/dev.lock lambda_src .

.PHONY: browser
browser: # for the portal's tests
	@tools/setup_browser.sh

.PHONY: checkov-setup
checkov-setup: # checkov pins its own boto3, so it lives apart
	@tools/setup.sh .venv-checkov requirements/checkov.lock

PACKAGE_INPUTS := $(shell find lambda_src/datamesh -name '*.py' -not -path '*/cli/*' 2>/dev/null) lambda_src/pyproject.toml requirements/lambda.lock tools/package.py

.PHONY: host-package deploy-package
host-package: build/package/host.stamp
deploy-package: build/package/$(if $(filter sandbox,$(TARGET)),host,arm64).stamp

build/package/%.stamp: $(PACKAGE_INPUTS) | setup
	@$(PYTHON) tools/package.py --target $*
	@touch $@

PORTAL_INPUTS := $(shell find portal -type f -not -path '*/node_modules/*' -not -path 'portal/dist/*' -not -path 'portal/tests/*' -not -name '*.md' 2>/dev/null)

portal/node_modules/.installed: portal/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); if (a < 20 || (a === 20 && b < 19)) { console.error("portal: Node 20.19 or newer is needed, " + process.version + " was found"); process.exit(1) }'
	@npm --prefix portal ci --silent --no-fund --no-audit
	@touch $@

portal/dist/index.html: $(PORTAL_INPUTS) portal/node_modules/.installed
	@npm --prefix portal run --silent build -- --logLevel warn
