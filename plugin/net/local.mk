# SPDX-License-Identifier: LGPL-2.1-or-later
# plugin/net: the HTTPS transport. Final users link $(CURL_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS).
noinst_LTLIBRARIES += libnet.la
libnet_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(OPENSSL_CFLAGS) $(CARES_CFLAGS)
libnet_la_SOURCES = \
	plugin/net/multi.c plugin/net/multi.h \
	plugin/net/net.c plugin/net/net.h \
	plugin/net/resolve.c plugin/net/resolve.h \
	plugin/net/tls.c plugin/net/tls.h \
	plugin/net/wire.c plugin/net/wire.h
