/* pace.h - how often one watcher is told (RFC 6446): when a NOTIFY may leave, and when one must. */
#ifndef SERVICE_PACE_H
#define SERVICE_PACE_H

#include "server/base/clock.h"
#include "server/sip/rate.h"

/** What bounds the rates that a watcher asks for. */
struct pace_limits {
    uint32_t interval_min_ms;          /* between NOTIFYs, of the presentity's domain; 0: none */
    uint32_t min_rate_interval_min_ms; /* that min-rate and adaptive-min-rate may ask for */
    uint32_t left_s;                   /* of the subscription; 0: it is over */
};

/**
 * The rates that hold, and are reflected (sections 4.2, 5.3, 6.3, 7.3 and 8):
 *
 * max-rate           not above the domain's, which holds for those who ask for none too; raised
 *                    when it would let nothing out before the subscription expires
 * min-rate, adaptive-min-rate   neither above max-rate nor above the limit
 * min-rate           not considered unless it was below the adaptive one
 */
struct sip_rates pace_agree(const struct sip_rates *asked, const struct pace_limits *limits);

/** NOTIFYs that were sent: section 7.2's record for adaptive-min-rate. */
struct pace_history;

/** One subscription's, in virtual time: knows no clock, timer or subscription. Zeroed: at once. */
struct pace {
    struct sip_rates asked;
    struct sip_rates agreed;
    struct instant sent_at; /* the last NOTIFY; before the first one, when it was asked for */
    bool sent;
    bool at_once; /* the next one is exempt from max-rate (section 5.2), until it is answered */
    bool waiting; /* one is owed, and waits until it may leave */
    uint32_t shortest_ms;         /* that the adaptive timeout comes down to */
    struct pace_history *history; /* NULL without adaptive-min-rate */
};

void pace_deinit(struct pace *self);

/** Agrees on `asked` within `limits`. An adaptive rate that is another than before begins with the
 * history of section 7.2. */
void pace_set(struct pace *self, const struct sip_rates *asked, const struct pace_limits *limits,
              struct instant now);

/** A NOTIFY leaves: the pace counts from here, whatever becomes of it. */
void pace_note_sent(struct pace *self, struct instant now);

/** From when on a NOTIFY may leave; in the past: now. */
struct instant pace_opens_at(const struct pace *self);

/** When the next one is due though nothing has changed. False: never. */
bool pace_due_at(const struct pace *self, struct instant *out);

#endif
