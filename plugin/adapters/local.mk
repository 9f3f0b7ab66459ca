# SPDX-License-Identifier: LGPL-2.1-or-later
# The installed host ABI, and one program or object per host.
mefplugincludedir = $(includedir)/mefplug
mefpluginclude_HEADERS = plugin/include/mefplug/host.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = mefplug-1.pc
