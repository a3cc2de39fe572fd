/* SPDX-License-Identifier: Apache-2.0 */
/* The controllers, a file each. Inside src/control only. */
#ifndef COFFER_CONTROL_CONTROLLERS_H
#define COFFER_CONTROL_CONTROLLERS_H

#include "control/control.h"

extern const struct controller namespace_controller;

#endif
