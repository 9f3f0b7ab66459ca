# SPDX-License-Identifier: LGPL-2.1-or-later
# A module, not a convenience library: -rpath makes libtool build the .so, which nothing installs.
noinst_LTLIBRARIES += tests/token/shim-module.la
tests_token_shim_module_la_SOURCES = tests/token/shim-module.c tests/token/shim.h
tests_token_shim_module_la_CFLAGS = $(AM_CFLAGS) $(P11KIT_CFLAGS)
tests_token_shim_module_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

TOKEN_TEST_CFLAGS = $(TEST_CFLAGS) $(P11KIT_CFLAGS) $(OPENSSL_CFLAGS) \
	-DSHIM_MODULE=\"$(abs_top_builddir)/tests/token/.libs/shim-module.so\" \
	-DTOKEN_TOOL=\"$(abs_top_builddir)/tests/lib/token-tool\"
TOKEN_TEST_LDADD = libtesttoken.la libp11.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/token/test-token tests/token/test-objects tests/token/test-provider
tests_token_test_token_SOURCES = tests/token/test-token.c tests/token/token-test.h
tests_token_test_token_CFLAGS = $(TOKEN_TEST_CFLAGS)
tests_token_test_token_LDADD = $(TOKEN_TEST_LDADD)
EXTRA_tests_token_test_token_DEPENDENCIES = tests/token/shim-module.la tests/lib/token-tool
tests_token_test_objects_SOURCES = tests/token/test-objects.c
tests_token_test_objects_CFLAGS = $(TOKEN_TEST_CFLAGS)
tests_token_test_objects_LDADD = $(TOKEN_TEST_LDADD)
EXTRA_tests_token_test_objects_DEPENDENCIES = tests/token/shim-module.la
tests_token_test_provider_SOURCES = tests/token/test-provider.c
tests_token_test_provider_CFLAGS = $(TOKEN_TEST_CFLAGS)
tests_token_test_provider_LDADD = $(TOKEN_TEST_LDADD)
EXTRA_tests_token_test_provider_DEPENDENCIES = tests/token/shim-module.la
