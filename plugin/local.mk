# SPDX-License-Identifier: LGPL-2.1-or-later
# The plugin: everything of the root in one convenience library (tests link it), and the shared object.
noinst_LTLIBRARIES += libcore.la
libcore_la_CFLAGS = $(AM_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS) $(OPENSSL_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS) $(INIH_CFLAGS)
libcore_la_SOURCES = \
	plugin/anchors.c plugin/anchors.h \
	plugin/asks.c plugin/asks.h \
	plugin/bindings.c plugin/bindings.h \
	plugin/bus-anchor.c \
	plugin/bus-credential.c \
	plugin/bus-input.c plugin/bus-input.h \
	plugin/bus-key.c plugin/bus-key.h \
	plugin/bus-log.c \
	plugin/bus-manager.c \
	plugin/bus-node.c plugin/bus-node.h \
	plugin/bus-process.c \
	plugin/bus-profile-key.c \
	plugin/bus-registration.c \
	plugin/bus-token.c \
	plugin/bus-tree.c plugin/bus-tree.h \
	plugin/bus-tree-add.c \
	plugin/command-arguments.c plugin/command-arguments.h \
	plugin/cert-files.c plugin/cert-files.h \
	plugin/commit.c plugin/commit.h \
	plugin/config.c plugin/config.h \
	plugin/dm/clients.c plugin/dm/dm.h plugin/dm/internal.h \
	plugin/dm/port.c \
	plugin/dm/session.c \
	plugin/engine.c plugin/engine.h plugin/engine-private.h \
	plugin/events.c plugin/events.h \
	plugin/fd-secret.c plugin/fd-secret.h \
	plugin/fetching.c plugin/fetching.h \
	plugin/journal-store.c plugin/journal-store.h \
	plugin/registrations.c plugin/registrations.h \
	plugin/stats.c plugin/stats.h \
	plugin/sessions.c \
	plugin/told.c \
	plugin/token-thread.c plugin/token-thread.h \
	plugin/tree-port.c plugin/tree-port.h \
	plugin/vault.c plugin/vault.h \
	plugin/vault-keys.c \
	plugin/vault-hand.c plugin/vault-owned.c
# The order is that of the arrows in docs/ARCHITECTURE.md.
libcore_la_LIBADD = libmef.la libcert.la libmo.la libnet.la libbus.la libp11.la libpolicy.la libbase.la \
	$(DBUS_LIBS) $(SYSTEMD_LIBS) $(OPENSSL_LIBS) $(P11KIT_LIBS) $(SQLITE_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) \
	$(CARES_LIBS) $(CURL_LIBS) -lpthread

plugin_LTLIBRARIES += plugin/mefclient.la
plugin_mefclient_la_CFLAGS = $(AM_CFLAGS)
plugin_mefclient_la_SOURCES = plugin/entry.c
plugin_mefclient_la_LIBADD = libcore.la
plugin_mefclient_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -Wl,-z,nodelete \
	-Wl,--version-script=$(top_srcdir)/plugin/mefclient.map
EXTRA_DIST += plugin/mefclient.map
