# A thin front to the CMake presets: `make help` lists what there is.
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 20
JOBS ?= 2

# The presets ask for Ninja; without it, make does.
GENERATOR := $(if $(shell command -v ninja),,-G "Unix Makefiles")
# In CI every build refuses warnings.
WERROR := $(if $(CI),-DCOPSE_WERROR=ON)

.DEFAULT_GOAL := dev
.PHONY: dev release check check-slow asan tsan lint analyze fuzz bench demo install clean help setup format

build/%/.configured: CMakePresets.json CMakeLists.txt
	cmake --preset $* $(GENERATOR) $(WERROR)
	@touch $@

dev: build/dev/.configured ## build for development (the default)
	cmake --build build/dev -j $(JOBS)

release: build/release/.configured ## build what is installed and measured
	cmake --build build/release -j $(JOBS)

setup: ## install what is missing for everything below (Debian 12)
	tools/setup all

check: ## install what is missing, build, run the quick tests
	tools/setup build
	$(MAKE) dev
	ctest --preset dev

check-slow: dev ## run the slow tests
	ctest --preset slow

asan: build/asan/.configured ## the quick tests with ASan and UBSan
	cmake --build build/asan -j $(JOBS)
	ctest --preset asan

tsan: build/tsan/.configured ## the quick tests with TSan
	cmake --build build/tsan -j $(JOBS)
	ctest --preset tsan

lint: ## format, tidy, layers, headers, symbols, lengths; and that each of these can fail
	tools/setup all
	$(MAKE) dev release
	tools/lint

format: ## format every C file in place
	tools/lint-format --fix

analyze: ## the slow static analyzers
	tools/setup all
	$(MAKE) dev
	tools/analyze

fuzz: ## fuzz every target for FUZZ_SECONDS (20) each
	tools/setup all
	$(MAKE) build/fuzz/.configured
	cmake --build build/fuzz -j $(JOBS)
	tools/fuzz build/fuzz $(FUZZ_SECONDS)

bench: build/release/.configured ## build and run the benchmarks (BENCH=name for one)
	cmake --build build/release -j $(JOBS) --target bench
	tools/bench build/release $(BENCH)

demo: ## install what is missing, build the release, show what Copse does
	tools/setup build
	tools/setup demo
	$(MAKE) build/release/.configured
	cmake --build build/release -j $(JOBS) --target installed
	tools/demo build/release/bin/copse build/demo

install: build/release/.configured ## install the release build below PREFIX (/usr/local)
	cmake --build build/release -j $(JOBS) --target installed
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(abspath $(PREFIX))"

clean: ## remove all that was built
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22
