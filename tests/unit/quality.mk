# SPDX-License-Identifier: LGPL-2.1-or-later
# What came out of the build: the objects as the linker made them, the scripts, the layout.
check_PROGRAMS += tests/unit/test-build
tests_unit_test_build_SOURCES = tests/unit/test-build.c
tests_unit_test_build_CFLAGS = $(TEST_CFLAGS) -DTESTS="\"$(TESTS)\"" -DSANITIZERS=\"$(SANITIZERS)\" -DFORTIFIED=\"$(FORTIFIED)\"
tests_unit_test_build_LDADD = $(GLIB_LIBS)
