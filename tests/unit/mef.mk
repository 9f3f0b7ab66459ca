# SPDX-License-Identifier: LGPL-2.1-or-later
MEF_TEST_LIBS = libmef.la libcert.la libpolicy.la libbase.la $(JANSSON_LIBS) $(OPENSSL_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-mef-client
tests_unit_test_mef_client_SOURCES = tests/unit/test-mef-client.c tests/unit/mef-world.c tests/unit/mef-world.h
tests_unit_test_mef_client_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) -pthread
tests_unit_test_mef_client_LDADD = $(MEF_TEST_LIBS)
