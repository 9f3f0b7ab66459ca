# SPDX-License-Identifier: LGPL-2.1-or-later

check_PROGRAMS += tests/unit/test-wire
tests_unit_test_wire_SOURCES = tests/unit/test-wire.c
tests_unit_test_wire_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_wire_LDADD = libnet.la libbase.la $(CURL_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-net
tests_unit_test_net_SOURCES = tests/unit/test-net.c tests/unit/tls-peer.c tests/unit/tls-peer.h \
	tests/unit/pki.c tests/unit/pki.h
tests_unit_test_net_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS) $(GNUTLS_CFLAGS)
tests_unit_test_net_LDADD = libnet.la libbase.la $(CURL_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS) $(GNUTLS_LIBS) $(GLIB_LIBS)
