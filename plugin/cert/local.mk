# SPDX-License-Identifier: LGPL-2.1-or-later
# plugin/cert: EST and certificates. Final users link $(OPENSSL_LIBS).
noinst_LTLIBRARIES += libcert.la
libcert_la_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
libcert_la_SOURCES = \
	plugin/cert/chain.c plugin/cert/chain.h \
	plugin/cert/csr.c plugin/cert/csr.h \
	plugin/cert/est.c plugin/cert/est.h \
	plugin/cert/est-codec.c plugin/cert/est-codec.h \
	plugin/cert/info.c plugin/cert/names.h \
	plugin/cert/scope.c plugin/cert/scope.h
