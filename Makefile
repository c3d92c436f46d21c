# What people type; the work is done by meson and by scripts/.
.PHONY: all setup build demo test test-unit test-room test-livekit lint format fuzz bench bench-encoding clean

all: build

setup:
	scripts/setup test

build:
	scripts/setup build
	scripts/build

demo: build
	scripts/demo

test:
	scripts/test

test-unit:
	scripts/test unit

test-room:
	scripts/test room

test-livekit:
	scripts/test livekit

lint:
	scripts/setup lint
	scripts/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# for all targets together: make fuzz SECONDS=300
fuzz:
	scripts/setup fuzz
	FUZZ_SECONDS=$(or $(SECONDS),300) scripts/fuzz

bench:
	scripts/setup test
	scripts/build
	.venv/bin/python bench/bench.py build

bench-encoding:
	scripts/setup test
	scripts/build all bench/encode_bench
	.venv/bin/python bench/encoding.py build

clean:
	rm -rf build build-*
