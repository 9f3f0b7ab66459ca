# SPDX-License-Identifier: LGPL-2.1-or-later
# Users of libp11.la link $(P11KIT_LIBS) $(OPENSSL_LIBS) and libbase.la.
noinst_LTLIBRARIES += libp11.la
libp11_la_CFLAGS = $(AM_CFLAGS) $(P11KIT_CFLAGS) $(OPENSSL_CFLAGS)
libp11_la_SOURCES = \
	pkcs11/cert.c \
	pkcs11/ckr.c pkcs11/ckr.h \
	pkcs11/index.c pkcs11/index.h \
	pkcs11/internal.h \
	pkcs11/key.c \
	pkcs11/module.c \
	pkcs11/object.c \
	pkcs11/pin.c \
	pkcs11/provider.c pkcs11/provider.h pkcs11/provider-internal.h \
	pkcs11/provider-keymgmt.c \
	pkcs11/provider-signature.c \
	pkcs11/secret-key.c \
	pkcs11/session.c \
	pkcs11/token.c pkcs11/token.h
