/* How many threads share the batches of a program: found by trying.
 *
 * What another core is worth differs from machine to machine, and on one from minute to minute. A step of 17-64-64-6, batch
 * 64, takes 26 us on one core of a Zen 4; on two 20 us where they share a cache, 24 where neighbours are busy, and 61 where
 * they do not share one: a virtual machine is moved from one to the other unasked. The bits of a result do not depend on
 * the number, so a program takes the time of its batches, tries half and twice as many threads now and then, and goes on
 * with what was faster; trials that fail become rare. */
#ifndef FASTNN_PACE_H
#define FASTNN_PACE_H
#include <stdint.h>

typedef struct {
    int level, trial; /* 2^level threads; and what is tried at the moment, else the same */
    int direction;    /* of the next trial: 1 or -1 */
    int unsettled;    /* the next batch does not count: its workers may be asleep, and its data elsewhere */
    int64_t batches;  /* of this window */
    double seconds;   /* that they took */
    double usual;     /* seconds of a batch at `level`; 0: not known */
    int slow_windows; /* in a row */
    int64_t patience, until_trial; /* windows */
} fastnn_pace;

/* many: whether to begin with all of `most` threads, and not with one. */
void fastnn_pace_start(fastnn_pace *, int many, int most);
int fastnn_pace_threads(const fastnn_pace *, int most);
/* A batch that was shared by so many threads took so long. */
void fastnn_pace_note(fastnn_pace *, int most, double seconds);

#endif
