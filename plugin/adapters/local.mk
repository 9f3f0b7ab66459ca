# SPDX-License-Identifier: LGPL-2.1-or-later
# The installed host ABI, and one program or object per host.
mefplugincludedir = $(includedir)/mefplug
mefpluginclude_HEADERS = plugin/include/mefplug/host.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = mefplug-1.pc

bin_PROGRAMS += mef-agent
mef_agent_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGINDIR=\"$(plugindir)\"
mef_agent_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS)
mef_agent_LDADD = $(SYSTEMD_LIBS)
mef_agent_SOURCES = plugin/adapters/mef-agent.c
