# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-anchor-fetch
tests_unit_test_anchor_fetch_SOURCES = tests/unit/test-anchor-fetch.c $(net_world)
tests_unit_test_anchor_fetch_CFLAGS = $(net_world_cflags) $(JANSSON_CFLAGS)
tests_unit_test_anchor_fetch_LDADD = libmef.la libcert.la libpolicy.la $(net_world_libs) $(JANSSON_LIBS)
