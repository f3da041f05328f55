# SPDX-License-Identifier: GPL-2.0-or-later
# make            build/gpureset and the manual pages in build/man
# make check      everything a change must pass; installs what it needs (as root)
# make check-more the lab again, with boots that take too long for every change
# make demo       the main job, in the lab, as a story
# make bench      timings; not a test
# make fuzz       libFuzzer, FUZZ_SECONDS=600 each; needs clang and its runtime
# make coverage   lines that the unit tests reach, room by room; not a test
# make install    DESTDIR= PREFIX=
# make deb        the Debian package, in build/deb/; installs what that needs (as root)
# make check-debian  the package in new roots of Debian 12 and 13; root, and Debian's mirror
# Q= shows the commands.
VERSION = 0.1.0
PREFIX  = /usr
DESTDIR =

ifeq ($(origin CC),default)
CC      = gcc
endif
CFLAGS ?= -O2 -g
BUILD   = build
Q       = @

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
       $(WERROR)
WERROR = -Werror
# A distribution's own flags may ask for more.
HARD = -fstack-protector-strong -fPIE \
       $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-D_FORTIFY_SOURCE=2)
DEFS = -std=gnu11 -D_GNU_SOURCE -Isrc -DGPURESET_VERSION='"$(VERSION)"' \
       -DGPURESET_QUIRK_DIR='"$(PREFIX)/share/gpureset/quirks"' \
       -DGPURESET_HOOK='"$(PREFIX)/libexec/gpureset/pve-hook"'
LIBS = -lpci -ludev -luring -lsmartcols
SAN  = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
       -fno-omit-frame-pointer

# Makes the manual pages' tables from the program's rows; never installed. When CC builds
# for another machine: MAKE_DOC= one that was built for this one.
MKDOC    = src/cmd/mkdoc.c
MAKE_DOC = $(BUILD)/mkdoc
PAGES    = $(patsubst src/cmd/%.in,$(BUILD)/man/%,$(wildcard src/cmd/*.in))

# The simulator and the fault shim are part of the program: `quirk test` runs on them.
ALL  = $(filter-out $(MKDOC),$(wildcard src/*/*.c src/*/*/*.c))
SRC  = $(ALL)
OBJ  = $(SRC:%.c=$(BUILD)/obj/%.o)

all: $(BUILD)/gpureset $(PAGES)

$(BUILD)/gpureset: $(OBJ)
	@echo '  LD   $@'
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pie -Wl,-z,relro,-z,now -o $@ $(OBJ) $(LIBS)

$(BUILD)/mkdoc: $(MKDOC:%.c=$(BUILD)/obj/%.o) $(filter-out %/main.o,$(OBJ))
	@echo '  LD   $@'
	$(Q)$(CC) $(CFLAGS) -pie -o $@ $^ $(LIBS) $(LDFLAGS)

$(BUILD)/man/%: src/cmd/%.in $(MAKE_DOC)
	@mkdir -p $(@D)
	@echo '  DOC  $@'
	$(Q)$(MAKE_DOC) $< >$@

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC   $<'
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(HARD) $(WARN) -MMD -MP -c -o $@ $<

# --- unit tests: everything again with sanitizers ---------------------------------
TEST_SRC  = $(wildcard tests/unit/test_*.c)
TESTS     = $(TEST_SRC:tests/unit/%.c=$(BUILD)/unit/%)
TEST_HELP = $(filter-out $(TEST_SRC),$(wildcard tests/unit/*.c)) $(wildcard tests/model/*.c) \
            $(wildcard tests/fuzz/fuzz_*.c)
SAN_OBJ   = $(patsubst %.c,$(BUILD)/san/%.o,$(filter-out src/cmd/main.c,$(ALL)) $(TEST_HELP))

$(BUILD)/san/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC   $< (sanitized)'
	$(Q)$(CC) $(DEFS) -Itests -Itests/model $(SAN) $(WARN) -MMD -MP -c -o $@ $<

$(BUILD)/san/libtest.a: $(SAN_OBJ)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $(SAN_OBJ)

$(BUILD)/unit/%: $(BUILD)/san/tests/unit/%.o $(BUILD)/san/libtest.a
	@mkdir -p $(@D)
	@echo '  LD   $@'
	$(Q)$(CC) $(SAN) -o $@ $< $(BUILD)/san/libtest.a -lcmocka $(LIBS)

# --- fuzzing: not a test; what it keeps in tests/fuzz/corpus-* is one -----------------
FUZZ_CC      = clang
FUZZ_SECONDS = 600
FUZZ         = quirk record bdf config vm mapping domxml held lspci caps walk \
               guest
FUZZ_SRC     = tests/fuzz/fuzz_common.c $(FUZZ:%=tests/fuzz/fuzz_%.c) \
               $(filter-out src/cmd/%,$(ALL)) \
               $(addprefix src/cmd/,config.c config_parse.c study.c) \
               tests/unit/sim_rig.c tests/unit/liar.c tests/unit/topo_check.c \
               $(wildcard tests/model/*.c)
FUZZ_OBJ     = $(FUZZ_SRC:%.c=$(BUILD)/fuzzobj/%.o)
FUZZ_FLAGS   = $(DEFS) -Itests -Itests/model -O1 -g -fno-sanitize-recover=undefined

$(BUILD)/fuzzobj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC   $< (fuzzed)'
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP \
		-c -o $@ $<

$(BUILD)/fuzz/%: tests/fuzz/main.c $(FUZZ_OBJ)
	@mkdir -p $(@D)
	@echo '  FUZZ $@'
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) -DFUZZ=fuzz_$* -fsanitize=fuzzer,address,undefined \
		-o $@ $< $(FUZZ_OBJ) -lcmocka $(LIBS)

fuzz-%: $(BUILD)/fuzz/%
	@tests/fuzz/run $* $< $(FUZZ_SECONDS)

# --- coverage of the unit tests: everything once more, counted ------------------------
COV_OBJ   = $(patsubst %.c,$(BUILD)/cov/%.o,$(filter-out src/cmd/main.c,$(ALL)) $(TEST_HELP))
COV_TESTS = $(TEST_SRC:tests/unit/%.c=$(BUILD)/cov/%)

$(BUILD)/cov/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo '  CC   $< (counted)'
	$(Q)$(CC) $(DEFS) -Itests -Itests/model -O0 -g --coverage -MMD -MP -c -o $@ $<

$(BUILD)/cov/libtest.a: $(COV_OBJ)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $(COV_OBJ)

$(BUILD)/cov/%: $(BUILD)/cov/tests/unit/%.o $(BUILD)/cov/tests/cov/children.o \
                $(BUILD)/cov/libtest.a
	$(Q)$(CC) --coverage -fsanitize=leak -Wl,--wrap=_exit,--wrap=landlock_enforce -o $@ $^ \
		-lcmocka $(LIBS)

coverage:
	@tests/prepare
	@$(MAKE) --no-print-directory $(COV_TESTS)
	@tests/coverage $(BUILD)/cov $(COV_TESTS)

# --- the lab ----------------------------------------------------------------------
LAB_SRC = $(wildcard tests/model/*.c) $(wildcard tests/lab/*.c)

$(BUILD)/lab-server: $(LAB_SRC) $(wildcard tests/model/*.h tests/lab/*.h) Makefile
	@mkdir -p $(@D)
	@echo '  CC   $@'
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -Itests -Itests/model $(CFLAGS) $(WARN) -o $@ $(LAB_SRC)

# --- what people call -------------------------------------------------------------
# The first line of each installs packages; then make starts again, because the
# compiler itself may have been missing.
check:
	@tests/prepare
	@$(MAKE) --no-print-directory check-build check-style check-cli check-unit check-coverage \
		check-lint check-deb check-lab
	@tests/summary $(BUILD)/results

check-build: all
	@mkdir -p $(BUILD)/results && rm -f $(BUILD)/results/*

check-unit: $(TESTS)
	@tests/run-unit $(BUILD)/results $(TESTS)

check-coverage: $(COV_TESTS)
	@tests/coverage --check $(BUILD)/results $(BUILD)/cov $(COV_TESTS)

check-cli: all
	@tests/cli/run $(BUILD)/results $(BUILD)/gpureset
	@tests/quirk/readme $(BUILD)/results $(BUILD)/gpureset
	@tests/quirk/support $(BUILD)/gpureset
	@tests/tree/run $(BUILD)/results $(BUILD)/gpureset

check-style:
	@tests/style/run $(BUILD)/results

check-lint:
	@tests/style/lint $(BUILD)/results $(SRC) $(MKDOC)

check-lab: all $(BUILD)/lab-server
	@tests/lab/check $(BUILD)/results

# the lab with the boots that `make check` leaves out, so that it stays below 40 minutes
check-more:
	@tests/prepare
	@LAB_MORE=1 $(MAKE) --no-print-directory check-lab

demo:
	@tests/prepare
	@$(MAKE) --no-print-directory all $(BUILD)/lab-server
	@tests/lab/demo

fuzz: $(FUZZ:%=fuzz-%)

# the program on made-up trees, see tests/bench/root.c
$(BUILD)/bench/gpureset: $(OBJ) tests/bench/root.c
	@mkdir -p $(@D)
	@echo '  LD   $@'
	$(Q)$(CC) $(DEFS) $(CPPFLAGS) $(CFLAGS) $(HARD) $(WARN) -Wl,--wrap=hw_linux_open -pie \
		-o $@ tests/bench/root.c $(OBJ) $(LIBS) $(LDFLAGS)

bench:
	@tests/prepare
	@$(MAKE) --no-print-directory all $(BUILD)/bench/gpureset $(BUILD)/lab-server
	@tests/bench/startup $(BUILD)/bench/gpureset $(BUILD)/bench
	@tests/lab/bench

# where the release's debhelper looks for units; debian/rules knows
UNITDIR = $(PREFIX)/lib/systemd/system
UNITS   = $(DESTDIR)$(UNITDIR)

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/gpureset/quirks \
		$(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/libexec/gpureset \
		$(UNITS)/gpureset-boot.service.d $(UNITS)/gpureset-card@.service.d \
		$(DESTDIR)$(PREFIX)/lib/udev/rules.d \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/polkit-1/actions $(DESTDIR)/var/lib/gpureset \
		$(DESTDIR)/etc/gpureset/quirks
	install -m 0755 $(BUILD)/gpureset $(DESTDIR)$(PREFIX)/sbin/gpureset
	install -m 0644 quirks/*.quirk quirks/*.inc $(DESTDIR)$(PREFIX)/share/gpureset/quirks/
	install -m 0644 $(filter %.5,$(PAGES)) $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 $(filter %.8,$(PAGES)) $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 0644 src/cmd/gpureset.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/gpureset
	install -m 0755 hooks/pve-hook $(DESTDIR)$(PREFIX)/libexec/gpureset/pve-hook
	install -m 0755 hooks/libvirt $(DESTDIR)$(PREFIX)/libexec/gpureset/libvirt-hook
	install -m 0644 hooks/*.service $(UNITS)/
	install -m 0644 hooks/rights.conf $(UNITS)/gpureset-boot.service.d/
	install -m 0644 hooks/rights.conf $(UNITS)/gpureset-card@.service.d/
	install -m 0644 hooks/60-gpureset.rules $(DESTDIR)$(PREFIX)/lib/udev/rules.d/
	install -m 0644 hooks/org.gpureset.policy $(DESTDIR)$(PREFIX)/share/polkit-1/actions/
	sed -i 's|/usr/sbin/gpureset|$(PREFIX)/sbin/gpureset|' \
		$(DESTDIR)$(PREFIX)/libexec/gpureset/pve-hook \
		$(DESTDIR)$(PREFIX)/libexec/gpureset/libvirt-hook \
		$(UNITS)/gpureset-boot.service $(UNITS)/gpureset-card@.service \
		$(DESTDIR)$(PREFIX)/share/polkit-1/actions/org.gpureset.policy

deb:
	@tests/deb/build $(BUILD)/deb

check-deb:
	@tests/deb/check $(BUILD)/results $(BUILD)/deb

check-debian: deb
	@tests/deb/run $(BUILD)/deb

clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(MKDOC:%.c=$(BUILD)/obj/%.d) $(SAN_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/san/%.d) \
	$(FUZZ_OBJ:.o=.d) $(COV_OBJ:.o=.d) $(TEST_SRC:%.c=$(BUILD)/cov/%.d)

.PHONY: all check check-more check-build check-cli check-unit check-coverage check-style check-lint \
	check-lab demo bench fuzz coverage install deb check-deb \
	check-debian clean
.SECONDARY:
.DELETE_ON_ERROR:
