# SPDX-License-Identifier: LGPL-2.1-or-later

# Rules of the house, read from the source tree.
check_PROGRAMS += tests/unit/test-lint
tests_unit_test_lint_SOURCES = tests/unit/test-lint.c
tests_unit_test_lint_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lint_LDADD = $(GLIB_LIBS)
EXTRA_DIST += tests/lib/include-edges
