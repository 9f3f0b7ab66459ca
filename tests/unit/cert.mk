# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-cert
tests_unit_test_cert_SOURCES = tests/unit/test-cert.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_cert_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_cert_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS) $(GLIB_LIBS)
