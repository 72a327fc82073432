/* SPDX-License-Identifier: Apache-2.0
 * Assertions: for our own bugs, never for input, I/O or memory. They stay in release builds: a process that is
 * wrong about itself stops, and the log is as safe as after kill -9. */
#ifndef WEIRI_ASSERT_H
#define WEIRI_ASSERT_H

#define weiri_assert(condition) ((condition) ? (void)0 : weiri_assert_failed(#condition, __FILE__, __LINE__))

_Noreturn void weiri_assert_failed(const char *condition, const char *file, int line);

#endif
