# SPDX-License-Identifier: LGPL-2.1-or-later

# Rules of the house, read from the source tree.
check_PROGRAMS += tests/unit/test-lint
tests_unit_test_lint_SOURCES = tests/unit/test-lint.c
tests_unit_test_lint_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lint_LDADD = $(GLIB_LIBS)
EXTRA_DIST += tests/lib/include-edges

# The installed data, judged by the programs that it is for.
check_PROGRAMS += tests/unit/test-data
tests_unit_test_data_SOURCES = tests/unit/test-data.c
tests_unit_test_data_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_data_LDADD = $(GLIB_LIBS)
