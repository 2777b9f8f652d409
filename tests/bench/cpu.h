/* cpu.h - how much processor time the measured server has had: what others do on the machine
 * changes rates, but hardly this. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>

/** Microseconds of the calling process. */
int64_t cpu_own_us(void);

/**
 * Microseconds of the processes in `pids` ("17,23") and of their children, those that ended
 * included. Resolution is that of the system's clock tick, usually 10 ms. NULL gives 0.
 */
int64_t cpu_of_us(const char *pids);

#endif
