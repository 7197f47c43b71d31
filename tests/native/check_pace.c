/* Checks how a number of threads is found, on machines that are made up: a batch takes what a table says of each number. */
#include <stdio.h>
#include <stdlib.h>

#include "pace.h"

void check_pace(void);

static double work(int threads, double alone, double shared, double each) {
    return alone + shared / threads + each * (threads - 1);
}

/* The number of threads of most of the last batches, of so many. */
static int settled(fastnn_pace *p, int most, int batches, double alone, double shared, double each) {
    int times[257] = {0}, usual = 1;
    for (int i = 0; i < batches; ++i) {
        const int threads = fastnn_pace_threads(p, most);
        if (threads < 1 || threads > most) {
            fprintf(stderr, "check_pace: %d threads of %d\n", threads, most);
            exit(1);
        }
        if (i >= batches / 2 && ++times[threads] > times[usual]) usual = threads;
        fastnn_pace_note(p, most, work(threads, alone, shared, each));
    }
    return usual;
}

static void expect(const char *what, int found, int wanted) {
    if (found == wanted) return;
    fprintf(stderr, "check_pace: %s: %d threads, not %d\n", what, found, wanted);
    exit(1);
}

void check_pace(void) {
    enum { BATCHES = 40000 };
    const int mosts[] = {2, 3, 8, 16, 256};
    for (int i = 0; i < 5; ++i)
        for (int many = 0; many < 2; ++many) {
            const int most = mosts[i];
            fastnn_pace p;
            fastnn_pace_start(&p, many, most);
            expect("at first", fastnn_pace_threads(&p, most), many ? most : 1);
            expect("all that is shared", settled(&p, most, BATCHES, 0, 1e-4, 0), most);
            /* it moved to a machine whose cores are far from each other, and back */
            expect("far cores", settled(&p, most, BATCHES, 0, 1e-4, 2e-4), 1);
            expect("near cores", settled(&p, most, BATCHES, 0, 1e-4, 0), most);
            expect("nothing is shared", settled(&p, most, BATCHES, 1e-4, 0, 0), most);
            fastnn_pace_start(&p, 0, most);
            expect("nothing to gain", settled(&p, most, BATCHES, 1e-4, 1e-5, 0), 1);
        }
    fastnn_pace p;
    fastnn_pace_start(&p, 1, 16);
    expect("some", settled(&p, 16, BATCHES, 0, 1.6e-4, 1e-5), 4);
    expect("another caller came", settled(&p, 1, BATCHES, 0, 1e-4, 0), 1);
    /* a trial that failed is not tried again soon: nearly all batches go by what is best */
    fastnn_pace_start(&p, 1, 2);
    double best = 0, taken = 0;
    for (int i = 0; i < BATCHES; ++i) {
        const double seconds = work(fastnn_pace_threads(&p, 2), 0, 2e-5, 5e-5);
        fastnn_pace_note(&p, 2, seconds);
        taken += seconds;
        best += 2e-5;
    }
    if (taken > 1.02 * best) {
        fprintf(stderr, "check_pace: trials cost %.1f%%\n", 100 * (taken / best - 1));
        exit(1);
    }
}
