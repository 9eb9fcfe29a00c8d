# The front door; meson does the work. Each target first installs what it needs (tools/setup says what
# it does, and does nothing the second time).
BUILD ?= build
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
MESON_FLAGS ?=
NINJA = ninja -C $(BUILD)

.DEFAULT_GOAL := build
.PHONY: help build run test check check-fast bench fuzz format clean setup-build

help:
	@echo 'make build       the program: $(BUILD)/hsi'
	@echo 'make run         build it, then start it (hsi.yaml of this folder, otherwise the demo)'
	@echo 'make test        build and run all tests; ends with "N passed, N failed"'
	@echo 'make check-fast  layers, banned words, formatting, headers, stale documents, spelling, cppcheck'
	@echo 'make check       all of that, clang-tidy, and the tests under ASan+UBSan and TSan'
	@echo 'make bench       the measured promises as a table, and as $(BUILD)/bench/*.json'
	@echo 'make fuzz        every fuzz target for FUZZ_SECONDS (60) each; updates bench/fuzz.json'
	@echo 'make format      lay out all C files as .clang-format says'
	@echo 'make clean       remove all build folders (deps/ stays)'

setup-build:
	@tools/setup build

# The header may arrive after the first configure, when the registries could not be reached then.
$(BUILD)/build.ninja: setup-build
	@if [ ! -f $@ ]; then \
	    meson setup $(BUILD) $(MESON_FLAGS); \
	elif [ deps/onnxruntime/include/onnxruntime_c_api.h -nt $@ ]; then \
	    meson setup --reconfigure $(BUILD) $(MESON_FLAGS); \
	fi

build: $(BUILD)/build.ninja
	@$(NINJA) hsi
	@echo 'built $(BUILD)/hsi'

# exec, so that Ctrl-C reaches the program and its exit code is the recipe's.
run: build
	@exec $(BUILD)/hsi run $(ARGS)

test:
	@tools/setup test
	@$(MAKE) --no-print-directory build
	@$(NINJA)
	@$(PYTHON) tools/run_tests.py $(BUILD)

check-fast:
	@tools/setup check-fast
	@$(MAKE) --no-print-directory build
	@$(PYTHON) tools/check.py --fast $(BUILD)

check:
	@tools/setup check
	@$(MAKE) --no-print-directory build
	@$(PYTHON) tools/check.py $(BUILD)

bench:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@$(PYTHON) bench/run.py --build $(BUILD) $(ARGS)

fuzz:
	@tools/setup check
	@$(PYTHON) fuzz/run.py --seconds $(or $(FUZZ_SECONDS),60)

format:
	@tools/setup check-fast
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build build-*
