/* SPDX-License-Identifier: Apache-2.0
 * The embedded engine as the contract's tests open it. */
#ifndef LOG_EMBEDDED_H
#define LOG_EMBEDDED_H

#include "log_contract.h"

extern const log_contract log_embedded;

#endif
