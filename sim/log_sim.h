/* log_sim.h - what a traced run prints. */
#ifndef SIM_LOG_SIM_H
#define SIM_LOG_SIM_H

#include "sim/schedule.h"

/* NULL: nothing is printed. */
void sim_log_trace(const struct schedule *schedule);
bool sim_is_traced(void);

/* One line with the virtual time before it. */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whose log lines follow: a number among several servers; 0: the only one's. */
void sim_log_speaker(int server);

/* Lines at level ERROR since the program began. */
uint64_t sim_log_errors(void);

#endif
