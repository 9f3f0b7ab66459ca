# SPDX-License-Identifier: LGPL-2.1-or-later
# The figures of command round trip and enrolment.
