# SPDX-License-Identifier: LGPL-2.1-or-later

check_PROGRAMS += tests/unit/test-wire
tests_unit_test_wire_SOURCES = tests/unit/test-wire.c
tests_unit_test_wire_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_wire_LDADD = libnet.la libcert.la libpolicy.la libbase.la $(CURL_LIBS) $(OPENSSL_LIBS) \
	$(CARES_LIBS) $(GLIB_LIBS)

net_world = tests/unit/net-world.c tests/unit/net-world.h tests/unit/tls-peer.c tests/unit/tls-peer.h \
	tests/unit/pki.c tests/unit/pki.h
net_world_cflags = $(TEST_CFLAGS) $(OPENSSL_CFLAGS) $(GNUTLS_CFLAGS)
net_world_libs = libnet.la libcert.la libpolicy.la libbase.la $(CURL_LIBS) $(OPENSSL_LIBS) \
	$(CARES_LIBS) $(GNUTLS_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-net tests/unit/test-net-faults
tests_unit_test_net_SOURCES = tests/unit/test-net.c $(net_world)
tests_unit_test_net_CFLAGS = $(net_world_cflags)
tests_unit_test_net_LDADD = $(net_world_libs)
tests_unit_test_net_faults_SOURCES = tests/unit/test-net-faults.c $(net_world)
tests_unit_test_net_faults_CFLAGS = $(net_world_cflags)
tests_unit_test_net_faults_LDADD = $(net_world_libs)
