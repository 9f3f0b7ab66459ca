# SPDX-License-Identifier: LGPL-2.1-or-later

# A private SoftHSM token, and a small tool that fills it (pkcs11 room).
noinst_LTLIBRARIES += libtesttoken.la
libtesttoken_la_CFLAGS = $(TEST_CFLAGS)
libtesttoken_la_SOURCES = tests/lib/token-fixture.c tests/lib/token-fixture.h

noinst_PROGRAMS += tests/lib/token-tool
tests_lib_token_tool_SOURCES = tests/lib/token-tool.c
tests_lib_token_tool_CFLAGS = $(AM_CFLAGS)
tests_lib_token_tool_LDADD = libp11.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)

# A private bus, clients of any uid and a fake polkit (dbus room).
noinst_LTLIBRARIES += libtestbus.la
libtestbus_la_CFLAGS = $(TEST_CFLAGS) $(SYSTEMD_CFLAGS)
libtestbus_la_SOURCES = tests/lib/bus-fixture.c tests/lib/bus-fixture.h tests/lib/fake-polkit.c

# Bus, token, MEF and agent for a whole exchange.
noinst_LTLIBRARIES += libteste2e.la
libteste2e_la_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) $(SQLITE_CFLAGS)
libteste2e_la_SOURCES = tests/lib/e2e-fixture.c tests/lib/e2e-fixture.h tests/lib/e2e-nodes.c tests/lib/e2e-nodes.h \
	tests/lib/e2e-other.c tests/lib/e2e-dm.c tests/lib/e2e-dm.h tests/lib/e2e-example.c tests/lib/e2e-example.h \
	tests/lib/e2e-token.c tests/lib/e2e-token.h
libteste2e_la_LIBADD = libtestsim.la libtesttoken.la libp11.la libbase.la
E2E_LDADD = libteste2e.la $(P11KIT_LIBS) $(OPENSSL_LIBS) $(GLIB_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) -ldl
