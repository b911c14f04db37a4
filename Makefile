# hotref: sudo make demo, sudo make check; make help lists the rest.

BUILD   := build
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(shell command -v bpftool /usr/sbin/bpftool 2>/dev/null) bpftool)

VERSION := 0.1.0
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS_ALL := -std=gnu17 $(WARN) $(CFLAGS) -D_GNU_SOURCE -DHOTREF_VERSION='"$(VERSION)"' -Iuser -Iinclude -I$(BUILD) \
              -MMD -MP
LIBS    := -lbpf -lelf -ldw -lZydis -ljansson -lz -lm

SOURCES := $(sort $(shell find user -name '*.c'))
OBJECTS := $(SOURCES:user/%.c=$(BUILD)/user/%.o)
MAIN    := $(BUILD)/user/cmd/main.o
UNITS   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(shell find tests/unit -name 'test_*.c')))
SKELETON := $(BUILD)/hotref.skel.h

# What the machine needs, by Debian's package names (12 and 13).
PACKAGES_BUILD := gcc make pkg-config clang llvm bpftool libbpf-dev libelf-dev libdw-dev libzydis-dev libjansson-dev \
                  libstb-dev zlib1g-dev
PACKAGES_PYTHON := dpkg-dev libffi-dev libssl-dev libsqlite3-dev libbz2-dev liblzma-dev
PACKAGES_CHECK := libcmocka-dev python3-pytest python3-jsonschema bpftrace procps util-linux

.PHONY: all deps deps-demo deps-check python demo check unit e2e bench clean help
all: $(BUILD)/hotref

help:
	@echo 'sudo make demo     install what is missing, build, and show gh-124218 before and after'
	@echo 'sudo make check    install what is missing, build, and pass every test'
	@echo 'make               build build/hotref'
	@echo 'make unit          the tests that need no privilege and no interpreter'
	@echo 'make python        a free-threaded interpreter from Debian (SERIES=3.13 VARIANT=gcc|lto|clang|stripped)'
	@echo 'sudo make bench    what recording costs, as ratios in one run'

$(BUILD)/hotref: $(OBJECTS)
	$(CC) $(CFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/user/%.o: user/%.c | $(SKELETON)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# stb_ds is not ours to warn about.
$(BUILD)/user/util/array.o: WARN := -w

$(BUILD)/hotref.bpf.o: bpf/hotref.bpf.c $(wildcard bpf/*.h include/*.h)
	@mkdir -p $(@D)
	$(CLANG) -g -O2 -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Iinclude -c -o $@ $<
	llvm-strip -g $@

$(SKELETON): $(BUILD)/hotref.bpf.o
	$(BPFTOOL) gen skeleton $< name hotref_bpf > $@.part
	mv $@.part $@

$(BUILD)/unit/%: tests/unit/%.c $(filter-out $(MAIN),$(OBJECTS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MF $@.d -o $@ $< $(filter %.o,$^) -lcmocka $(LIBS)

unit: $(UNITS)
	@for test in $(UNITS); do $$test || exit 1; done

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(UNITS:=.d)
