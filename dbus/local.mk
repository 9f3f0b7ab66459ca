# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libbus.la
libbus_la_CFLAGS = $(AM_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS)
libbus_la_SOURCES = \
	dbus/auth.c dbus/bus.h \
	dbus/call.c \
	dbus/connect.c \
	dbus/glue.c dbus/glue.h \
	dbus/internal.h \
	dbus/introspect.c \
	dbus/job.c dbus/job.h \
	dbus/job-table.c dbus/job-private.h \
	dbus/object.c \
	dbus/options.c \
	dbus/peer.c \
	dbus/remote.c \
	dbus/standard.c \
	dbus/table.c \
	dbus/value.c dbus/value.h \
	dbus/writer.c dbus/writer.h
nodist_libbus_la_SOURCES = dbus/xml-data.c

BUS_XML = \
	dbus/xml/AuthenticationProfile.xml \
	dbus/xml/Command.xml \
	dbus/xml/Credential.xml \
	dbus/xml/DMClient.xml \
	dbus/xml/DataCollection.xml \
	dbus/xml/Job.xml \
	dbus/xml/LogControl1.xml \
	dbus/xml/MAFClientRegCfg.xml \
	dbus/xml/MEFClientRegCfg.xml \
	dbus/xml/Manager.xml \
	dbus/xml/MyCertFileCred.xml \
	dbus/xml/Node.xml \
	dbus/xml/Registration.xml \
	dbus/xml/RegistrationCfg.xml \
	dbus/xml/Token.xml \
	dbus/xml/Tree.xml \
	dbus/xml/TrustAnchorCred.xml
EXTRA_DIST += $(BUS_XML) dbus/embed-xml.awk
CLEANFILES += dbus/xml-data.c

# The introspection text as C strings. The comments stay behind: they are for the manual page.
dbus/xml-data.c: $(BUS_XML) dbus/embed-xml.awk
	$(AM_V_GEN)$(MKDIR_P) dbus && for f in $(BUS_XML); do \
	  if test -f $$f; then echo $$f; else echo $(srcdir)/$$f; fi; done | \
	  xargs $(AWK) -f $(srcdir)/dbus/embed-xml.awk > $@.tmp && mv $@.tmp $@
