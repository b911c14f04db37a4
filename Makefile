# hotref: sudo make demo, sudo make check; make help lists the rest.

BUILD   := build
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(shell command -v bpftool /usr/sbin/bpftool 2>/dev/null) bpftool)

VERSION := 0.1.0
RELEASED := 2026-11-24
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS_ALL := -std=gnu17 $(WARN) $(CFLAGS) -D_GNU_SOURCE -DHOTREF_VERSION='"$(VERSION)"' -DHOTREF_DATE='"$(RELEASED)"' -Iuser -Iinclude -I$(BUILD) \
              -MMD -MP
LIBS    := -lbpf -lelf -ldw -lZydis -ljansson -lyaml -lprotobuf-c -lz -lm

SOURCES := $(sort $(shell find user -name '*.c'))
OBJECTS := $(SOURCES:user/%.c=$(BUILD)/user/%.o)
PROTO   := $(BUILD)/user/emit/profile.pb-c
UNITS   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(shell find tests/unit -name 'test_*.c')))
SKELETON := $(BUILD)/hotref.skel.h

# What the machine needs, by Debian's package names (12 and 13).
PACKAGES_BUILD := gcc libc6-dev make clang llvm bpftool libbpf-dev libelf-dev libdw-dev libzydis-dev libjansson-dev \
                  libyaml-dev libstb-dev libprotobuf-c-dev protobuf-c-compiler zlib1g-dev \
                  $(if $(shell command -v npm),,nodejs npm ca-certificates)
PACKAGES_DEB := dpkg dpkg-dev gzip
PACKAGES_PYTHON := dpkg-dev gcc libc6-dev make clang
PACKAGES_CHECK := libcmocka-dev python3-pytest python3-jsonschema python3-yaml libxml2-utils \
                  cmark-gfm shellcheck mandoc zsh fish $(PACKAGES_DEB) bpftrace mount chromium chromium-driver python3-selenium \
                  protobuf-compiler python3-prometheus-client

# Under sudo, the interpreters are the invoking user's, and so is what is built in a tree of that user's.
INVOKER := $(if $(filter 0,$(shell id -u)),$(filter-out root,$(SUDO_USER)))
AS_INVOKER := $(if $(INVOKER),runuser -u $(INVOKER) -- env HOME=$(shell getent passwd $(INVOKER) | cut -d: -f6))
OWNER := $(if $(INVOKER),$(filter $(INVOKER),$(shell stat -c %U .)))
MAKE_AS_OWNER := $(if $(OWNER),$(AS_INVOKER)) env -u MAKEFLAGS -u MFLAGS make -j$(shell nproc) --no-print-directory
PYTEST ?= /usr/bin/python3 -B -m pytest

ifneq ($(wildcard $(BUILD)),)
ifneq ($(shell test -w $(BUILD) && echo yes),yes)
$(error $(BUILD)/ is another user's, from an earlier run as root: sudo chown -R "$$(id -un)": $(BUILD))
endif
endif

.PHONY: all consumers deps deps-demo deps-check python demo check unit e2e bench clean help needs-root owned manual \
        install uninstall deb
all: $(BUILD)/hotref

help:
	@echo 'sudo make demo     install what is missing, build, and show gh-124218 before and after'
	@echo 'sudo make check    install what is missing, build, and pass every test'
	@echo 'make               build build/hotref'
	@echo 'make unit          the tests that need no privilege and no interpreter'
	@echo 'make python        a free-threaded interpreter from Debian (SERIES=3.13 VARIANT=gcc|lto|clang|stripped)'
	@echo 'make install       program, manual and completions (PREFIX=/usr/local, DESTDIR); make uninstall'
	@echo 'make deb           a Debian package, build/hotref_*.deb'
	@echo 'sudo make bench    what recording costs, as ratios in one run'

# Everything but the commands: the program and each unit test take from it what they need.
LIBRARY := $(BUILD)/libhotref.a
$(LIBRARY): $(filter-out $(BUILD)/user/cmd/%,$(OBJECTS)) $(PROTO).o
	rm -f $@
	ar rcs $@ $^

$(BUILD)/hotref: $(filter $(BUILD)/user/cmd/%,$(OBJECTS)) $(LIBRARY)
	$(CC) $(CFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/user/%.o: user/%.c | $(SKELETON)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

# Built in by the assembler, of which make is told nothing.
$(BUILD)/user/profile/remedy.o: user/profile/remedies.json
$(BUILD)/user/emit/json.o: docs/profile.schema.json
$(BUILD)/user/emit/diff_json.o: docs/diff.schema.json

# The page's library is npm's, in one script; its licences go with it.
PAGE := $(BUILD)/flamegraph.html
PAGE_SOURCES := $(addprefix user/emit/flamegraph/,assemble page.html page.css page.js)
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
LIBRARY_JS := $(BUILD)/flamegraph/library.js
$(BUILD)/flamegraph/installed: $(addprefix user/emit/flamegraph/,package.json package-lock.json)
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && $(NPM_CI)
	touch $@
$(LIBRARY_JS): user/emit/flamegraph/library.js user/emit/flamegraph/bundle $(BUILD)/flamegraph/installed
	user/emit/flamegraph/bundle $(@D)
$(PAGE): $(PAGE_SOURCES) $(LIBRARY_JS)
	user/emit/flamegraph/assemble $(dir $(LIBRARY_JS)) > $@.part
	mv $@.part $@
$(BUILD)/user/emit/flamegraph.o: $(PAGE)

# What protobuf-c makes of the description, and both of its files at once.
$(PROTO).c: user/emit/profile.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=$(<D) --c_out=$(@D) $<
$(PROTO).h: $(PROTO).c
$(PROTO).o: $(PROTO).c
	$(CC) $(CFLAGS_ALL) -w -c -o $@ $<
$(BUILD)/user/emit/pprof.o: $(PROTO).h

# stb_ds is not ours to warn about.
$(BUILD)/user/util/array.o: WARN := -w

$(BUILD)/hotref.bpf.o: bpf/hotref.bpf.c $(wildcard bpf/*.h include/*.h)
	@mkdir -p $(@D)
	$(CLANG) -g -O2 -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Iinclude -c -o $@ $<
	llvm-strip -g $@

$(SKELETON): $(BUILD)/hotref.bpf.o
	$(BPFTOOL) gen skeleton $< name hotref_bpf > $@.part
	mv $@.part $@

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MF $@.d -o $@ $< $(LIBRARY) -lcmocka $(LIBS)

unit: $(UNITS)
	@for test in $(UNITS); do $$test || exit 1; done

# Others' readers of what hotref writes, which only npm has.
consumers: $(BUILD)/consumers/installed
$(BUILD)/consumers/installed: tests/consumers/package.json tests/consumers/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && $(NPM_CI)
	touch $@

# Made of the command table.
manual: $(BUILD)/manual/made
$(BUILD)/manual/made: $(BUILD)/hotref
	@mkdir -p $(@D)
	for name in $$($< generate commands); do $< generate man $$name > $(@D)/hotref-$$name.1 || exit 1; done
	$< generate man > $(@D)/hotref.1
	for shell in bash zsh fish; do $< generate $$shell > $(@D)/$$shell || exit 1; done
	touch $@

PREFIX ?= /usr/local
INSTALLED := $(DESTDIR)$(PREFIX)
DATA := $(INSTALLED)/share
COMPLETIONS := $(DATA)/bash-completion/completions/hotref $(DATA)/zsh/site-functions/_hotref \
               $(DATA)/fish/vendor_completions.d/hotref.fish

install: $(BUILD)/hotref manual
	install -D -m 755 $(BUILD)/hotref $(INSTALLED)/bin/hotref
	install -d $(DATA)/man/man1 $(DATA)/doc/hotref
	install -m 644 $(BUILD)/manual/*.1 $(DATA)/man/man1
	install -D -m 644 $(BUILD)/manual/bash $(word 1,$(COMPLETIONS))
	install -D -m 644 $(BUILD)/manual/zsh $(word 2,$(COMPLETIONS))
	install -D -m 644 $(BUILD)/manual/fish $(word 3,$(COMPLETIONS))
	install -m 644 README.md LICENSE $(DATA)/doc/hotref
	cp -R docs $(DATA)/doc/hotref
	find $(DATA)/doc/hotref/docs -type d -exec chmod 755 {} + -o -exec chmod 644 {} +

uninstall:
	rm -f $(INSTALLED)/bin/hotref $(DATA)/man/man1/hotref.1 $(DATA)/man/man1/hotref-*.1 $(COMPLETIONS)
	rm -rf $(DATA)/doc/hotref

deb: $(BUILD)/hotref manual
	tests/packages $(PACKAGES_DEB)
	packaging/deb $(VERSION) $(BUILD)

# For those who install them in their own way.
packages:
	@printf '%s\n' $(PACKAGES_BUILD)

deps:
	@tests/packages $(PACKAGES_BUILD)

deps-demo:
	@tests/packages $(sort $(PACKAGES_BUILD) $(PACKAGES_PYTHON))

deps-check:
	@tests/packages $(sort $(PACKAGES_BUILD) $(PACKAGES_PYTHON) $(PACKAGES_CHECK))

needs-root:
	@[ "$$(id -u)" = 0 ] || { echo 'loading eBPF programs needs root: sudo make $(MAKECMDGOALS)' >&2; exit 1; }

# What an earlier run as root left in the tree is given back to its owner.
owned:
	@[ -z "$(OWNER)" ] || [ ! -d $(BUILD) ] || find $(BUILD) ! -user $(OWNER) -exec chown -h $(OWNER): {} +

SERIES ?= 3.13
VARIANT ?= gcc
python:
	@tests/packages $(PACKAGES_PYTHON)
	@$(AS_INVOKER) tests/interpreters/build --series $(SERIES) --variant $(VARIANT)

demo: needs-root deps-demo owned
	@$(MAKE_AS_OWNER) all
	@found=$$(tests/interpreters/find) || exit 1; \
	    [ -n "$$found" ] || $(AS_INVOKER) tests/interpreters/build > /dev/null
	@"$$(tests/interpreters/find | head -n 1 | cut -f 2)" -B tests/demo

check: needs-root deps-check owned
	@$(MAKE_AS_OWNER) all unit consumers manual
	@for variant in gcc lto clang stripped; do \
	    $(AS_INVOKER) tests/interpreters/build --variant $$variant > /dev/null || exit 1; \
	done
	@$(MAKE) --no-print-directory e2e

e2e: needs-root
	@$(MAKE_AS_OWNER) all consumers
	@$(PYTEST) -W error -p no:cacheprovider tests/e2e

bench: needs-root deps-check owned
	@$(MAKE_AS_OWNER) all
	@$(AS_INVOKER) tests/interpreters/build > /dev/null
	@/usr/bin/python3 -B tests/bench

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(UNITS:=.d)
