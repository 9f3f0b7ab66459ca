/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MEFPLUG_HOST_H
#define MEFPLUG_HOST_H
