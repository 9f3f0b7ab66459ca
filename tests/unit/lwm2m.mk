# SPDX-License-Identifier: LGPL-2.1-or-later
LWM2M_TEST_LIBS = liblwm2m.la libbase.la $(JANSSON_LIBS) $(CBOR_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-lwm2m-value
tests_unit_test_lwm2m_value_SOURCES = tests/unit/test-lwm2m-value.c
tests_unit_test_lwm2m_value_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lwm2m_value_LDADD = $(LWM2M_TEST_LIBS)
check_PROGRAMS += tests/unit/test-lwm2m-content
tests_unit_test_lwm2m_content_SOURCES = tests/unit/test-lwm2m-content.c tests/unit/lwm2m-lists.h tests/unit/lwm2m-payload.h
tests_unit_test_lwm2m_content_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lwm2m_content_LDADD = $(LWM2M_TEST_LIBS)
check_PROGRAMS += tests/unit/test-lwm2m-lists
tests_unit_test_lwm2m_lists_SOURCES = tests/unit/test-lwm2m-lists.c tests/unit/lwm2m-lists.h tests/unit/lwm2m-payload.h
tests_unit_test_lwm2m_lists_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_lwm2m_lists_LDADD = $(LWM2M_TEST_LIBS)
