# Two commands do all on a fresh Debian machine with Swift: `make demo` and `make test`.

PREFIX ?= /usr
DESTDIR ?=
DURATION ?= 60
DEMO_ARGS ?=
BENCH ?=
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= event configuration state query session headers starts

# What the package links against; installed where missing.
PACKAGES = librdkafka-dev libsimdjson-dev libsqlite3-dev libsystemd-dev zlib1g-dev pkg-config

.PHONY: demo test test-neon test-ubsan build bench fuzz install clean packages swift

demo: build
	.build/release/freshet demo --duration $(DURATION) $(DEMO_ARGS)

build: packages swift
	swift build -c release --product freshet

# Numeric code is slow without optimization: the tests are built as the product is, in a folder of their
# own, because what can be tested is compiled otherwise than what is shipped. Valgrind counts what an event costs in
# instructions.
test: PACKAGES += binutils curl kcat valgrind
test: packages swift
	swift test -c release -Xswiftc -enable-testing --scratch-path .build-test

# The kernels of 64-bit Arm, built for it and run by an emulator, beside the plain ones.
test-neon: PACKAGES = qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross
test-neon: packages swift
	mkdir -p .build-test
	clang --target=aarch64-linux-gnu -O2 -static -Wall -Wextra -ISources/CKernels/include -I/usr/aarch64-linux-gnu/include \
		-B/usr/aarch64-linux-gnu/bin Sources/CKernels/*.c Tests/Emulated/packed_kernels.c -lm -o .build-test/packed_kernels
	qemu-aarch64-static -cpu max .build-test/packed_kernels

# The C kernels with clang's sanitizer of undefined behaviour: on values that have no integer, and beside the plain ones.
UBSAN = clang -O1 -g -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all -Wall -Wextra -ISources/CKernels/include

test-ubsan: packages swift
	mkdir -p .build-ubsan
	$(UBSAN) Sources/CKernels/*.c Tests/Sanitized/odd_values.c -lm -o .build-ubsan/odd_values
	.build-ubsan/odd_values
	$(UBSAN) Sources/CKernels/*.c Tests/Emulated/packed_kernels.c -lm -o .build-ubsan/packed_kernels
	.build-ubsan/packed_kernels

# One JSON object a line; BENCH="exact_top20 train" for some.
bench: packages swift
	swift build -c release --product freshet-bench
	FRESHET_COMMIT=$$(git rev-parse --short HEAD 2>/dev/null) .build/release/freshet-bench $(BENCH)

# Bytes that look for a crash: FUZZ_SECONDS for each of what reads bytes from outside.
fuzz: packages swift
	FRESHET_FUZZ=1 swift build -c release --product freshet-fuzz --scratch-path .build-fuzz -Xswiftc -sanitize=fuzzer
	cd .build-fuzz && mkdir -p $(FUZZ_TARGETS:%=corpus/%) && cp ../config/freshet.yaml corpus/configuration/ && \
	printf 'u1\000{"user":"u1","item":"i1","type":"view","timestamp":1767225600123,"value":4.5,"id":"a"}' >corpus/event/seed && \
	printf '20\000seen,current' >corpus/query/seed && \
	printf '{"user":"u","events":[{"item":"i","type":"view","gap":1}],"purchased":[],"ids":"AAAAAAAAAAAAAAAAAAAAAA==","newest":1767225600123,"through":{"topic":"events","partition":0,"offset":1}}' >corpus/session/seed && \
	printf 'events 0 991\000AAAAAAAAAAAAAAAA' >corpus/headers/seed && \
	printf '{"starts":[{"topic":"events","partition":0,"next":5,"checkpoint":1,"hasSessions":true,"isRecovered":true}]}' >corpus/starts/seed
	for target in $(FUZZ_TARGETS); do \
		FUZZ_TARGET=$$target .build-fuzz/release/freshet-fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=16384 \
			-print_final_stats=1 -artifact_prefix=.build-fuzz/$$target- .build-fuzz/corpus/$$target || exit 1; \
	done

install:
	install -D -m 755 .build/release/freshet $(DESTDIR)$(PREFIX)/bin/freshet
	@# An edited configuration stays; the new one goes beside it, to be compared.
	@target=$(DESTDIR)/etc/freshet/freshet.yaml; \
	if [ ! -e $$target ] || cmp -s config/freshet.yaml $$target; then \
		install -D -m 644 config/freshet.yaml $$target && rm -f $$target.new; \
	else \
		install -D -m 644 config/freshet.yaml $$target.new && echo "$$target is kept; this version's is $$target.new"; \
	fi
	install -D -m 644 systemd/freshet.service $(DESTDIR)/lib/systemd/system/freshet.service

clean:
	rm -rf .build .build-test .build-fuzz .build-ubsan

swift:
	@command -v swift >/dev/null || { echo "swift is not on the PATH: install Swift 6.3 from https://www.swift.org/install" >&2; exit 1; }

packages:
	@missing=""; \
	for name in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$name 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$name"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then as_root=""; \
	elif command -v sudo >/dev/null; then as_root=sudo; \
	else echo "missing packages:$$missing; install them as root: apt-get install$$missing" >&2; exit 1; fi; \
	echo "installing$$missing"; \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing
