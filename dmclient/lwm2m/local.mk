# SPDX-License-Identifier: LGPL-2.1-or-later
# The LwM2M client without its network: what mef-lwm2m and its tests link.
noinst_LTLIBRARIES += liblwm2m.la
liblwm2m_la_CFLAGS = $(AM_CFLAGS)
liblwm2m_la_SOURCES = \
	dmclient/lwm2m/path.c dmclient/lwm2m/path.h \
	dmclient/lwm2m/value.c dmclient/lwm2m/value.h
