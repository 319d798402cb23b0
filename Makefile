# Vigil: every job that a person or CI does, by name. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

LOCKS := deploy/locks
VENV := .venv
RUNTIME_VENV := .venv-runtime
TFLITE_VENV := .venv-tflite
# The demo needs the runtime only; where the whole environment is there already, it serves.
DEMO_VENV := $(if $(wildcard $(VENV)/.project),$(VENV),$(RUNTIME_VENV))

SHELL_SCRIPTS := .ci/run deploy/apt-install deploy/build-deb deploy/build-wheelhouse deploy/install.sh deploy/make-venv \
	tests/device/arm64 tests/device/debian-root tests/device/emulate-arm64 tests/device/vm-image
UV_COMPILE := $(VENV)/bin/uv pip compile --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet \
	$(if $(UPGRADE),--upgrade)
UNIVERSAL := --universal --python-version 3.11
# The packages' locks are for one Python on one kind of board.
BOARD := --python-platform aarch64-manylinux_2_36 --python-version
SUITES := bookworm trixie
SUITE ?= bookworm
VM := $(or $(VIGIL_CACHE),.cache)/device/vm

.PHONY: help setup demo demo-driver test check lock test-tflite-runtime deb test-deb test-arm64 \
	virtual-device virtual-device-arm64 wheelhouse clean

help:  ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z0-9-]+):.*## */\1|/' \
		| while IFS='|' read -r name what; do printf '  make %-20s %s\n' "$$name" "$$what"; done

setup: $(VENV)/.project  ## build .venv with everything that the tests need

# Two stamps: a changed lock rebuilds the environment, a changed pyproject.toml only installs the project again.
%/.lock:
	deploy/make-venv $* $(filter %.txt,$^) $(VENV_PYTHONS)
	touch $@

%/.project: %/.lock pyproject.toml
	$*/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.lock: $(LOCKS)/dev.txt deploy/make-venv
$(RUNTIME_VENV)/.lock: $(LOCKS)/runtime.txt deploy/make-venv
$(TFLITE_VENV)/.lock: $(LOCKS)/tflite-runtime.txt deploy/make-venv
$(TFLITE_VENV)/.lock: VENV_PYTHONS := 3.11
.PRECIOUS: %/.lock %/.project

demo: $(DEMO_VENV)/.project  ## enrol a man from one photo and watch a staged visit; leaves demo/
	rm -rf demo && mkdir demo
	clips=$$($(DEMO_VENV)/bin/python tests/media.py) && vigil=$(DEMO_VENV)/bin/vigil \
		&& $$vigil enroll Guest --images "$$clips/single_face.jpg" --config deploy/demo.toml \
		&& $$vigil run --config deploy/demo.toml --gpio mock \
			--camera "$$clips/WolfgangLanger_Pexels.mp4" --camera "$$clips/no_face.mp4" \
			--camera "$$clips/noface_face.mov" \
			--events demo/events.jsonl --video demo/visit.mp4 --sheet demo/visit.png
	@echo "Look at demo/visit.png, demo/visit.mp4 and demo/events.jsonl."

demo-driver: $(DEMO_VENV)/.project  ## watch a recorded woman as the driver; leaves demo-driver/
	rm -rf demo-driver && mkdir demo-driver
	clips=$$($(DEMO_VENV)/bin/python tests/media.py) && vigil=$(DEMO_VENV)/bin/vigil \
		&& $$vigil run --config deploy/demo-driver.toml --camera "$$clips/WolfgangLanger_Pexels.mp4" \
			--events demo-driver/events.jsonl --video demo-driver/drive.mp4 \
		&& $$vigil report demo-driver/events.jsonl demo-driver/report.png \
		&& $$vigil report demo-driver/events.jsonl demo-driver/report.html
	@echo "Look at demo-driver/report.png or .html, demo-driver/drive.mp4 and demo-driver/events.jsonl."

test: $(VENV)/.project  ## run the tests (VIGIL_DATA=DIR adds those that need the data sets; ARGS=... to pytest)
	$(VENV)/bin/python -m pytest $(ARGS)

check: $(VENV)/.project  ## format, lint, types, import contracts, shell scripts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" shellcheck --external-sources $(SHELL_SCRIPTS)

# Not the tests of the pure policies: no interpreter has a part in them.
test-tflite-runtime: $(TFLITE_VENV)/.project  ## run the runtime's tests on the fallback interpreter (CPython 3.11)
	$(TFLITE_VENV)/bin/python -c "import importlib.util, sys, tflite_runtime; sys.exit('ai_edge_litert is here too: this proves nothing' if importlib.util.find_spec('ai_edge_litert') else 0)"
	$(TFLITE_VENV)/bin/python -m pytest -m 'not slow' $(addprefix --ignore=tests/,training device property scenario/test_driver_attentive.py) $(ARGS)

deb: $(VENV)/.project  ## build the arm64 packages for Raspberry Pi OS bookworm and trixie, into dist/
	for suite in $(SUITES); do deploy/build-deb $$suite; done

test-deb: $(VENV)/.project  ## check the packages of dist/ (make deb)
	$(VENV)/bin/python -m pytest tests/device/test_deb.py $(ARGS)

test-arm64: $(VENV)/.project  ## install the package on an emulated Pi and run the tests there (SUITE=trixie; PART=quick|clips|suite|install; QEMU_CPU=cortex-a53|a72|a76; needs root)
	deploy/build-deb $(SUITE)
	tests/device/arm64 $(SUITE) $(or $(PART),all)

# $(1): amd64 or arm64; $(2): Debian's package with the emulator
define virtual_device
deploy/apt-install e2fsprogs $(2)
package=$$(deploy/build-deb bookworm $(1)) && tests/device/vm-image $(VM)-$(1) $(1) \
	&& $(VENV)/bin/python -m tests.device.virtual_device $(VM)-$(1) $(1) $$package
endef

# Nobody fetches this package: packed fast, not small.
virtual-device: export ZSTD_LEVEL := 1
virtual-device: $(VENV)/.project  ## run the real unit on an emulated machine with pins and a camera, and watch the relay (needs root)
	$(call virtual_device,amd64,qemu-system-x86)

virtual-device-arm64: $(VENV)/.project  ## the same on an emulated 64-bit ARM machine
	$(call virtual_device,arm64,qemu-system-arm)

wheelhouse: $(VENV)/.project  ## fetch the wheels for a Pi that has no network (SUITE=trixie), into dist/
	deploy/build-wheelhouse $(SUITE)

# A lock that comes out the same keeps its date, so that no environment is built again for nothing.
define pin
cp $(LOCKS)/$(1).txt $(LOCKS)/.new-$(1).txt
$(UV_COMPILE) $(2) --output-file $(LOCKS)/.new-$(1).txt
cmp -s $(LOCKS)/.new-$(1).txt $(LOCKS)/$(1).txt && rm $(LOCKS)/.new-$(1).txt || mv $(LOCKS)/.new-$(1).txt $(LOCKS)/$(1).txt
endef

lock: $(VENV)/.project  ## pin the dependencies again (UPGRADE=1: to their newest releases)
	$(call pin,runtime,$(UNIVERSAL) pyproject.toml)
	$(call pin,dev,$(UNIVERSAL) pyproject.toml --extra training --extra dev --constraint $(LOCKS)/runtime.txt)
	$(call pin,tflite-runtime,$(UNIVERSAL) --group tflite-runtime)
	$(call pin,bookworm,$(BOARD) 3.11 pyproject.toml --extra device --constraint $(LOCKS)/bookworm.in)
	$(call pin,trixie,$(BOARD) 3.13 pyproject.toml --constraint $(LOCKS)/runtime.txt)
	$(call pin,tests,$(BOARD) 3.11 --group tests --constraint $(LOCKS)/dev.txt)

clean:  ## remove the environments and everything that was made
	rm -rf $(VENV) $(RUNTIME_VENV) $(TFLITE_VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache build dist demo demo-driver ./*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
