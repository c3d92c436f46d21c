# What people type; the work is done by meson and by scripts/.
.PHONY: all setup build demo test test-drift test-unit test-room test-livekit test-asan test-tsan test-kills test-valgrind soak lint format fuzz bench bench-encoding clean

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

test-drift:
	DRIFT_SECONDS=180 .venv/bin/python -m pytest -c tests/pytest.ini -o timeout=600 -q \
		tests/room/test_publishers.py -k real_time_drift
	@grep -hE '"(fault|measured)":' $$(grep -l '180 s of real' build/test-results/faults/*.json)

# with AddressSanitizer and UndefinedBehaviorSanitizer, leaks included
test-asan:
	scripts/setup test
	scripts/sanitize asan

# with ThreadSanitizer
test-tsan:
	scripts/setup test
	scripts/sanitize tsan

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
	scripts/build all bench/floor_bench
	.venv/bin/python bench/bench.py build

bench-encoding:
	scripts/setup test
	scripts/build all bench/encode_bench
	.venv/bin/python bench/encoding.py build

clean:
	rm -rf build build-*
