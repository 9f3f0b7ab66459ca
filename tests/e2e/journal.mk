# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/e2e/test-journal
tests_e2e_test_journal_SOURCES = tests/e2e/test-journal.c
tests_e2e_test_journal_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
tests_e2e_test_journal_LDADD = $(E2E_LDADD) $(SYSTEMD_LIBS)

check_PROGRAMS += tests/e2e/test-guard
tests_e2e_test_guard_SOURCES = tests/e2e/test-guard.c
tests_e2e_test_guard_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_guard_LDADD = $(E2E_LDADD)
