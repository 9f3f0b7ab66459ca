# SPDX-License-Identifier: LGPL-2.1-or-later
# All tests are GLib programs that speak TAP; a test's path holds the requirement ids that it proves.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_COMPILER = $(SHELL) $(top_srcdir)/tests/lib/run-test
AM_TESTS_ENVIRONMENT = TOP_SRCDIR='$(abs_top_srcdir)' TOP_BUILDDIR='$(abs_top_builddir)' SANITIZERS='$(SANITIZERS)'; \
	export TOP_SRCDIR TOP_BUILDDIR SANITIZERS;
EXTRA_DIST += tests/lib/run-test tests/lib/summary tests/lib/conformance tests/lib/check tests/lib/sub-build tests/lib/sub-check \
	tests/lib/lsan.supp tests/lib/tsan.supp tests/lib/valgrind.supp

if BUILD_TESTS
include tests/fuzz/quality.mk
include tests/lib/local.mk
include tests/unit/quality.mk
include tests/unit/base.mk
include tests/unit/policy.mk
include tests/unit/mo.mk
include tests/unit/cert.mk
include tests/unit/mef.mk
include tests/unit/net.mk
include tests/unit/mo-node.mk
include tests/unit/root.mk
include tests/unit/core.mk
include tests/unit/dm.mk
include tests/unit/lwm2m.mk
include tests/bus/local.mk
include tests/token/local.mk
include tests/sim/local.mk
include tests/host/local.mk
include tests/e2e/local.mk
include tests/e2e/journal.mk
include tests/e2e/dm.mk
include tests/e2e/mo-node.mk
include tests/e2e/crash.mk
include tests/e2e/faults.mk
include tests/e2e/bus.mk
include tests/e2e/token.mk
include tests/e2e/soak.mk
include tests/e2e/disk.mk
include tests/bench/local.mk
include tests/fuzz/base.mk
include tests/fuzz/bus.mk
include tests/fuzz/mo.mk
include tests/fuzz/cert.mk
include tests/fuzz/mef.mk
include tests/fuzz/root.mk
endif
EXTRA_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(check_PROGRAMS)
