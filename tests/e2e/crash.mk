# SPDX-License-Identifier: LGPL-2.1-or-later
# The crash matrix. Crash points are compiled in by --enable-crash-points only, so an ordinary build has a second
# one, with the same compiler and options, in sub/crash, and keeps it.
if CRASH_POINTS
noinst_PROGRAMS += tests/e2e/crash-matrix
tests_e2e_crash_matrix_SOURCES = tests/e2e/crash-matrix.c tests/e2e/crash-story.c tests/e2e/crash-life.c tests/e2e/crash-keys.c \
	tests/e2e/crash-dm.c tests/e2e/crash-renew.c \
	tests/e2e/crash-story.h
tests_e2e_crash_matrix_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_crash_matrix_LDADD = $(E2E_LDADD)

crash_build = .
crash-programs: mef-agent$(EXEEXT) plugin/mefclient.la tests/sim/mef-sim$(EXEEXT) tests/lib/token-tool$(EXEEXT) tests/dm/dm-client$(EXEEXT) \
	tests/e2e/crash-matrix$(EXEEXT)
else
crash_build = sub/crash
crash-programs:
	@$(SHELL) $(top_srcdir)/tests/lib/sub-build '$(abs_top_srcdir)' '$(abs_top_builddir)/$(crash_build)' \
		--enable-crash-points --with-sanitizers='$(SANITIZERS)' CC='$(CC)' CFLAGS='$(CFLAGS)' LDFLAGS='$(LDFLAGS)'
	@$(MAKE) -C $(crash_build) --no-print-directory crash-programs >$(crash_build)/make.out 2>&1 || \
		{ cat $(crash_build)/make.out >&2; exit 1; }
endif
check_DATA = crash-programs
dist_check_SCRIPTS = tests/e2e/test-crash
TESTS += tests/e2e/test-crash

crash-matrix: crash-programs
	@TOP_SRCDIR='$(abs_top_srcdir)' TOP_BUILDDIR='$(abs_top_builddir)' SANITIZERS='$(SANITIZERS)' \
		MEF_TEST_TIMEOUT=1800 $(SHELL) $(top_srcdir)/tests/lib/run-test $(crash_build)/tests/e2e/crash-matrix --lines
