/* dialog_info_ended.c - a ring of hashes: so few that looking through all of them is cheap. */
#include "pidf/dialog/dialog_info_ended.h"

#include "pidf/dialog/dialog_info_unite.h"

/* Of a call leg, as one body reports it. Never 0. */
static uint64_t hash_of(const struct report *report)
{
    const uint64_t key[2] = {(uint64_t)report->source->publication,
                             (uint64_t)report->source->sequence};

    return report_leg_hash(report, key) | 1;
}

static bool is_remembered(const struct dialog_info_ended *self, uint64_t hash)
{
    for (size_t i = 0; i < DIALOG_INFO_ENDED_MAX; i++)
        if (self->at[i] == hash)
            return true;
    return false;
}

static bool is_stale(const struct dialog_info_ended *self, const struct report *report)
{
    return report->state != REPORT_TERMINATED && report_is_complete(report) &&
           is_remembered(self, hash_of(report));
}

void dialog_info_ended_drop(const struct dialog_info_ended *self, struct report_list *reports)
{
    struct report *next;
    struct report_list kept = {0};

    for (struct report *report = reports->first; report != NULL; report = next) {
        next = report->next;
        if (!is_stale(self, report))
            report_append(&kept, report);
    }
    *reports = kept;
}

void dialog_info_ended_put(struct dialog_info_ended *self, const struct report *report)
{
    const uint64_t hash = hash_of(report);

    if (is_remembered(self, hash))
        return;
    self->at[self->next] = hash;
    self->next = (self->next + 1) % DIALOG_INFO_ENDED_MAX;
}
