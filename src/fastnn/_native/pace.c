/* See pace.h. */
#include "pace.h"

/* A window of batches is timed as one. */
#define WINDOW_SECONDS 3e-4
enum { WINDOW_BATCHES = 2 };

/* Windows between trials: from the first number on twice as many after each that failed, so that those cost less than a
 * hundredth of the time. Where all threads are begun with, fewer are seldom better, and cost more to try. */
enum { PATIENCE = 4, PATIENCE_OF_MANY = 32, MOST_PATIENCE = 256 };

/* More threads must be worth their while. */
#define WORTH 0.9

/* Windows in a row that take so much longer than usual say that something changed; one alone is a hiccup. */
#define SLOWER 1.4
enum { SLOW_WINDOWS = 3 };

static int top_level(int most) {
    int level = 0;
    while (1 << level < most) ++level;
    return level;
}

void fastnn_pace_start(fastnn_pace *p, int many, int most) {
    const int level = many ? top_level(most) : 0;
    *p = (fastnn_pace){.level = level,
                       .trial = level,
                       .direction = many ? -1 : 1,
                       .unsettled = 1,
                       .patience = many ? PATIENCE_OF_MANY : PATIENCE};
    p->until_trial = p->patience;
}

int fastnn_pace_threads(const fastnn_pace *p, int most) { return p->trial >= top_level(most) ? most : 1 << p->trial; }

static void end_trial(fastnn_pace *p, double batch) {
    if (batch < p->usual * (p->trial > p->level ? WORTH : 1)) {
        p->level = p->trial;
        p->usual = batch;
        p->patience = PATIENCE;
    } else {
        p->trial = p->level;
        p->direction = -p->direction;
        p->unsettled = 1;
        p->patience = 2 * p->patience < MOST_PATIENCE ? 2 * p->patience : MOST_PATIENCE;
    }
    p->until_trial = p->patience;
}

static void begin_trial(fastnn_pace *p, int most) {
    const int top = top_level(most), up = p->level < top, down = p->level > 0;
    p->until_trial = p->patience;
    if (!up && !down) return;
    if (p->direction > 0 ? !up : !down) p->direction = -p->direction;
    p->trial = p->level + p->direction;
    p->unsettled = 1;
}

void fastnn_pace_note(fastnn_pace *p, int most, double seconds) {
    if (p->unsettled) {
        p->unsettled = 0;
        return;
    }
    p->seconds += seconds;
    if (++p->batches < WINDOW_BATCHES || p->seconds < WINDOW_SECONDS) return;
    const double batch = p->seconds / (double)p->batches;
    p->batches = 0;
    p->seconds = 0;
    if (p->trial != p->level) {
        end_trial(p, batch);
        return;
    }
    const int slow = p->usual > 0 && batch > SLOWER * p->usual;
    p->slow_windows = slow ? p->slow_windows + 1 : 0;
    if (p->slow_windows == SLOW_WINDOWS) {
        p->slow_windows = 0;
        p->usual = batch;
        p->patience = PATIENCE;
        p->until_trial = 1;
    } else if (!slow) {
        p->usual = p->usual > 0 ? (3 * p->usual + batch) / 4 : batch;
    }
    if (--p->until_trial <= 0) begin_trial(p, most);
}
