# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libmo.la
libmo_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
libmo_la_SOURCES = \
	plugin/mo/cert-file.c plugin/mo/cert-file.h \
	plugin/mo/check.c \
	plugin/mo/commit.c \
	plugin/mo/db.c plugin/mo/db.h \
	plugin/mo/db-open.c plugin/mo/db-open.h \
	plugin/mo/internal.h \
	plugin/mo/json.c \
	plugin/mo/names.c plugin/mo/names.h \
	plugin/mo/node.c \
	plugin/mo/path.c \
	plugin/mo/schema.c plugin/mo/schema.h \
	plugin/mo/set.c \
	plugin/mo/snapshot.c \
	plugin/mo/step.c \
	plugin/mo/stmt.c \
	plugin/mo/store.c \
	plugin/mo/tree.c plugin/mo/tree.h \
	plugin/mo/trie.c plugin/mo/trie.h \
	plugin/mo/tx.c plugin/mo/tx.h \
	plugin/mo/value.c plugin/mo/value.h
