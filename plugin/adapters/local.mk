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

# A plugin of collectd: its own object, whose file name is what LoadPlugin looks for.
collectdplugin_LTLIBRARIES =
if COLLECTD
collectdplugin_LTLIBRARIES += plugin/adapters/mefclient.la
endif
plugin_adapters_mefclient_la_SOURCES = plugin/adapters/collectd.c
# Not our config.h: collectd's own headers bring theirs.
plugin_adapters_mefclient_la_CPPFLAGS = -I$(top_srcdir)/plugin/include $(COLLECTD_CPPFLAGS) -DPLUGINDIR=\"$(plugindir)\"
plugin_adapters_mefclient_la_CFLAGS = $(AM_CFLAGS)
plugin_adapters_mefclient_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath $(collectdplugindir) -Wl,-z,nodelete \
	-Wl,--version-script=$(top_srcdir)/plugin/adapters/collectd.map
EXTRA_DIST += plugin/adapters/collectd.map
