# SPDX-License-Identifier: LGPL-2.1-or-later
LWM2M_TEST_LIBS = liblwm2m.la libbase.la $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-lwm2m-value
tests_unit_test_lwm2m_value_SOURCES = tests/unit/test-lwm2m-value.c
tests_unit_test_lwm2m_value_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lwm2m_value_LDADD = $(LWM2M_TEST_LIBS)
