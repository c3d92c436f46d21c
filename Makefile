# What people type; the work is done by meson and by scripts/.
.PHONY: all setup build demo test test-unit test-room test-livekit test-kills test-valgrind soak lint format fuzz bench bench-encoding clean

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

# A hundred of each container, and a leak check: what takes too long for every run.
test-kills:
	ROOMTAPE_KILLS=100 scripts/test room tests/room/test_killed.py

test-valgrind:
	scripts/setup test
	scripts/build
	scripts/valgrind

MINUTES ?= 30
soak:
	scripts/setup test
	scripts/build
	.venv/bin/python bench/soak.py --minutes $(MINUTES)

lint:
	scripts/setup lint
	scripts/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

fuzz:
	scripts/setup lint
	scripts/fuzz

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
