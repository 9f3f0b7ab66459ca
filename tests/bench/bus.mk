# SPDX-License-Identifier: LGPL-2.1-or-later
# The figures of bus, token, tree and rest.
