# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libtestsoak.la
libtestsoak_la_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) \
	-DSHIM_MODULE=\"$(abs_top_builddir)/tests/token/.libs/shim-module.so\"
libtestsoak_la_SOURCES = tests/e2e/soak-mix.c tests/e2e/soak-mix.h tests/e2e/soak-run.c tests/e2e/soak-run.h \
	tests/e2e/soak-watch.c tests/e2e/soak-watch.h

check_PROGRAMS += tests/e2e/test-soak
tests_e2e_test_soak_SOURCES = tests/e2e/test-soak.c
tests_e2e_test_soak_CFLAGS = $(TEST_CFLAGS)
tests_e2e_test_soak_LDADD = libtestsoak.la $(E2E_LDADD)
EXTRA_tests_e2e_test_soak_DEPENDENCIES = tests/token/shim-module.la

# 20,000 commands under random faults: some ten minutes.
noinst_PROGRAMS += tests/e2e/soak
tests_e2e_soak_SOURCES = tests/e2e/soak.c
tests_e2e_soak_CFLAGS = $(TEST_CFLAGS)
tests_e2e_soak_LDADD = libtestsoak.la $(E2E_LDADD)
soak: tests/e2e/soak tests/dm/dm-client tests/token/shim-module.la $(e2e_parts)
	@$(AM_TESTS_ENVIRONMENT) MEF_TEST_TIMEOUT=36000 $(SHELL) $(top_srcdir)/tests/lib/run-test tests/e2e/soak

# Two registrations, a bus storm and a token that comes and goes.
check_PROGRAMS += tests/e2e/test-storm
tests_e2e_test_storm_SOURCES = tests/e2e/test-storm.c
tests_e2e_test_storm_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_storm_LDADD = libtestsoak.la $(E2E_LDADD)
EXTRA_tests_e2e_test_storm_DEPENDENCIES = tests/token/shim-module.la
