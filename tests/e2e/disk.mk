# SPDX-License-Identifier: LGPL-2.1-or-later
# A slow, full or broken disk. The shim is preloaded into mef-agent only.
noinst_LTLIBRARIES += tests/e2e/disk-shim.la
tests_e2e_disk_shim_la_SOURCES = tests/e2e/disk-shim.c
tests_e2e_disk_shim_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
tests_e2e_disk_shim_la_LIBADD = -ldl

check_PROGRAMS += tests/e2e/test-disk
tests_e2e_test_disk_SOURCES = tests/e2e/test-disk.c
tests_e2e_test_disk_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) \
	-DDISK_SHIM=\"$(abs_top_builddir)/tests/e2e/.libs/disk-shim.so\"
tests_e2e_test_disk_LDADD = $(E2E_LDADD)
EXTRA_tests_e2e_test_disk_DEPENDENCIES = tests/e2e/disk-shim.la
