# SPDX-License-Identifier: LGPL-2.1-or-later

# A private SoftHSM token, and a small tool that fills it (pkcs11 room).
noinst_LTLIBRARIES += libtesttoken.la
libtesttoken_la_CFLAGS = $(TEST_CFLAGS)
libtesttoken_la_SOURCES = tests/lib/token-fixture.c tests/lib/token-fixture.h

noinst_PROGRAMS += tests/lib/token-tool
tests_lib_token_tool_SOURCES = tests/lib/token-tool.c
tests_lib_token_tool_CFLAGS = $(AM_CFLAGS)
tests_lib_token_tool_LDADD = libp11.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)
