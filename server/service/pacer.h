/* pacer.h - keeps the paces of all subscriptions that have one; notify.c's. */
#ifndef SERVICE_PACER_H
#define SERVICE_PACER_H

#include "server/service/pace.h"
#include "server/sip/message.h"
#include "server/state/state.h"

/** Told when a NOTIFY that waited may leave, or when one must though nothing has changed. */
typedef void pacer_due_fn(void *context, struct subscription *subscription);

/**
 * Filled in by notify.c; borrows all. A subscription has a pace while its last SUBSCRIBE asked for
 * rates, or its presentity's domain has a limit (RFC 6446 section 5.2); others cost a pointer.
 *
 * Nothing of a pace is stored but the parameters that the SUBSCRIBE had: after a restart there is
 * no most recent NOTIFY, so what is owed leaves at once, and what a 2xx to a NOTIFY had asked for
 * is forgotten, which the next NOTIFY says.
 */
struct pacer {
    struct state *state;
    uint32_t min_rate_interval_min_ms;
    pacer_due_fn *on_due;
    void *context;
};

/** A SUBSCRIBE was accepted, the state changed, or it was loaded: reads the rates of a SUBSCRIBE
 * that it has not read. `at_once`: the NOTIFY that follows does not wait (section 5.2). */
void pacer_take(const struct pacer *self, struct subscription *subscription, bool at_once);

/** The domains' limits may be others. */
void pacer_look(const struct pacer *self, struct resource *resource);

/** True when a NOTIFY must wait; pacer_due_fn follows. */
bool pacer_holds(const struct pacer *self, struct subscription *subscription);

/** The rates that the NOTIFY to be sent now reflects; agreed on anew, since less of the
 * subscription is left. */
struct sip_rates pacer_rates(const struct pacer *self, struct subscription *subscription);

/** It was sent. */
void pacer_note_sent(const struct pacer *self, struct subscription *subscription);

/** It was answered with a 2xx, whose Event may ask for other rates (section 9.3). */
void pacer_note_answered(const struct pacer *self, struct subscription *subscription,
                         const struct sip_message *response);

/** The subscription ends. */
void pacer_forget(const struct pacer *self, struct subscription *subscription);

#endif
