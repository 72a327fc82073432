/* SPDX-License-Identifier: Apache-2.0
 * The program `weir`: the library's weir_main with no module linked in; a module's shared object is named on the command line. */
#include <weir/weir.h>

int
main(int argc, char **argv)
{
    return weir_main(argc, argv, NULL);
}
