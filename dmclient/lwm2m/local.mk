# SPDX-License-Identifier: LGPL-2.1-or-later
# The LwM2M client without its network: what mef-lwm2m and its tests link.
noinst_LTLIBRARIES += liblwm2m.la
liblwm2m_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CBOR_CFLAGS)
liblwm2m_la_SOURCES = \
	dmclient/lwm2m/cbor-item.c dmclient/lwm2m/cbor-item.h \
	dmclient/lwm2m/code.h \
	dmclient/lwm2m/content.c dmclient/lwm2m/content.h \
	dmclient/lwm2m/formats.h \
	dmclient/lwm2m/json.c \
	dmclient/lwm2m/json-text.c dmclient/lwm2m/json-text.h \
	dmclient/lwm2m/pack.c dmclient/lwm2m/pack.h \
	dmclient/lwm2m/path.c dmclient/lwm2m/path.h \
	dmclient/lwm2m/records.c dmclient/lwm2m/records.h \
	dmclient/lwm2m/senml-cbor.c \
	dmclient/lwm2m/senml-json.c \
	dmclient/lwm2m/single.c \
	dmclient/lwm2m/tlv.c \
	dmclient/lwm2m/value.c dmclient/lwm2m/value.h
