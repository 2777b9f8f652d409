/* banned.h - calls that this code base does without; given to every file of ours by -include. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* With _FORTIFY_SOURCE some of them are macros for clang, which it would warn of. */
#pragma GCC system_header

/* A poisoned name may not even be declared afterwards, so whoever declares them comes first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No bound: buffer_put(), buffer_printf(), memcpy() with a length. */
#pragma GCC poison strcpy strcat sprintf vsprintf gets
/* State of their own behind the caller's back: span_find(), gmtime_r(), localtime_r(). */
#pragma GCC poison strtok gmtime localtime asctime ctime
/* Cannot tell an error from a zero: strtoul() and its end pointer, or the parsers in sip/. */
#pragma GCC poison atoi atol atoll

#endif
