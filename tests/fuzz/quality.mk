# SPDX-License-Identifier: LGPL-2.1-or-later
# A short run of each fuzz target, in a clang build of its own (sub/fuzz). The first of the tests to start, for it is the
# longest. Not under sanitizers, which that build has by itself.
if !SANITIZED
if !FUZZING
check_PROGRAMS += tests/fuzz/test-fuzz
tests_fuzz_test_fuzz_SOURCES = tests/fuzz/test-fuzz.c
tests_fuzz_test_fuzz_CFLAGS = $(TEST_CFLAGS) -DFUZZ_TARGETS="\"$(FUZZ_TARGETS)\""
tests_fuzz_test_fuzz_LDADD = $(GLIB_LIBS)
endif
endif

# Ten minutes of CPU for each of them, which is hours: not a test of every day.
fuzz-long:
	@$(SHELL) $(top_srcdir)/tests/fuzz/long '$(abs_top_srcdir)' '$(abs_top_builddir)/sub/fuzz' $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/long
