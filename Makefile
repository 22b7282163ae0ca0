# A thin front: CMake does the work, see CMakePresets.json.
#
#   make demo     sets up, builds, and runs the main job
#   make test     sets up, builds, and passes every test
#   make          builds build/bantam

.PHONY: all setup demo test check asan tsan debug clang gcc aarch64 spills fuzz bench lint install clean

FUZZ_SECONDS ?= 20
PREFIX ?= /usr/local

all: build/build.ninja
	@cmake --build --preset release

build/build.ninja:
	@command -v cmake > /dev/null || { echo "cmake is missing: 'make setup' installs it"; exit 1; }
	@cmake --preset release

# Installs what a build needs; SETUP=ci adds what .ci/run needs.
setup:
	@sh scripts/setup.sh $(SETUP)

demo: setup build/build.ninja
	@cmake --build --preset release --target bantam_cli
	@sh scripts/demo.sh build

test: setup check

check: all
	@ctest --preset release
	@sh scripts/skipped.sh build

gcc clang debug asan tsan:
	@cmake --preset $@
	@cmake --build --preset $@
	@ctest --preset $@
	@sh scripts/skipped.sh build-$@

aarch64:
	@cmake --preset aarch64-cross
	@cmake --build --preset aarch64-cross
	@ctest --preset aarch64-cross
	@sh scripts/skipped.sh build-aarch64-cross
	@for core in cortex-a76 cortex-a57; do \
	    echo "kernels on a $$core"; \
	    qemu-aarch64 -L / -cpu $$core build-aarch64-cross/tests/kernel_check || exit 1; \
	done
	@sh scripts/arm_kernels.sh build-aarch64-cross

# Kernels that keep sums on the stack, in the builds of both compilers.
spills: all
	@sh scripts/spills.sh build
	@cmake --preset clang
	@cmake --build --preset clang --target bantam_objects
	@sh scripts/spills.sh build-clang

fuzz:
	@cmake --preset fuzz
	@cmake --build --preset fuzz
	@sh scripts/fuzz.sh build-fuzz $(FUZZ_SECONDS)

bench: all
	@sh scripts/bench.sh build

lint: all
	@sh scripts/lint.sh build

install: all
	@cmake -S . -B build -DCMAKE_INSTALL_PREFIX=$(PREFIX) > /dev/null
	@cmake --install build

clean:
	@rm -rf build build-*
