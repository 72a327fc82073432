/* SPDX-License-Identifier: Apache-2.0
 * The log's contract, kept by the embedded engine. */
#include "log_embedded.h"

int
main(void)
{
    return log_contract_run(&log_embedded);
}
