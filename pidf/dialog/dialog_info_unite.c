/* dialog_info_unite.c - first every report is named, then those of one call leg become one. */
#include "pidf/dialog/dialog_info_unite.h"

#include "pidf/xml/seen.h"
#include "server/base/crypto.h"

#include <inttypes.h>
#include <stdio.h>

enum { KEY_HEAD_BYTES = 48 };

/* Not a secret: a watcher that moves to another process must find the ids it knows. */
static const uint64_t leg_key[2] = {0, 0};

static uint64_t leg_hash(const struct report *report, const uint64_t key[2])
{
    uint64_t parts[3] = {hash64(key, report->call_id), hash64(key, report->local_tag),
                         hash64(key, report->remote_tag)};

    return hash64(key, (struct span){(const char *)parts, sizeof(parts)});
}

/* ---- names ---- */

/*
 * The publication stands in front, always: were it added only when two publications use one id,
 * a dialog would change its name when the other comes or goes. It ends at the first point, since
 * hexadecimal has none, so no two pairs of publication and id give the same key.
 */
static struct span make_key(const struct report *report, bool shared, struct scratch *scratch)
{
    uint64_t publication = (uint64_t)report->source->publication;
    char head[KEY_HEAD_BYTES];
    int length = shared ? snprintf(head, sizeof(head), "%" PRIx64 "+%016" PRIx64 ".", publication,
                                   leg_hash(report, leg_key))
                        : snprintf(head, sizeof(head), "%" PRIx64 ".", publication);

    return scratch_join(scratch, scratch_copy(scratch, (struct span){head, (size_t)length}),
                        report->id);
}

void dialog_info_name(const struct report_list *reports, struct scratch *scratch,
                      const uint64_t key[2])
{
    struct seen ids = {0};

    for (struct report *report = reports->first; report != NULL; report = report->next) {
        uint64_t hash = hash64(key, report->id);
        const struct report *found;
        bool shared = false;
        size_t at = 0;

        while (span_empty(report->key) && (found = seen_next(&ids, hash, &at)) != NULL) {
            if (!span_equal(found->id, report->id))
                continue;
            shared = true;
            if (report_same_leg(found, report))
                report->key = found->key;
        }
        if (!span_empty(report->key))
            continue;
        report->key = make_key(report, shared, scratch);
        seen_add(&ids, scratch, hash, report);
    }
}

/* ---- dialogs ---- */

/* All reports of one dialog that were met so far. */
struct dialog_place {
    struct dialog_place *next;
    struct report *first;  /* names it */
    struct report *counts; /* is shown */
};

static bool is_one_dialog(const struct report *a, const struct report *b)
{
    return report_is_complete(a) && report_is_complete(b) ? report_same_leg(a, b)
                                                          : span_equal(a->key, b->key);
}

static struct dialog_place *find_place(const struct seen *places, const struct report *report,
                                       uint64_t hash)
{
    struct dialog_place *found;
    size_t at = 0;

    while ((found = seen_next(places, hash, &at)) != NULL)
        if (is_one_dialog(found->first, report))
            return found;
    return NULL;
}

/*
 * A call that one publisher saw end is over, however late another says that it rings: a dialog
 * leaves "terminated" never again (RFC 4235 figure 3).
 */
bool report_supersedes(const struct report *newer, const struct report *standing)
{
    bool ends = newer->state == REPORT_TERMINATED, ended = standing->state == REPORT_TERMINATED;

    if (newer->source->hard_state != standing->source->hard_state)
        return !newer->source->hard_state;
    if (ends != ended)
        return ends;
    return newer->source->sequence >= standing->source->sequence;
}

static void put_counting(struct report_list *out, const struct dialog_place *places,
                         bool terminated)
{
    for (const struct dialog_place *place = places; place != NULL; place = place->next)
        if ((place->counts->state == REPORT_TERMINATED) == terminated)
            report_append(out, place->counts);
}

void dialog_info_unite(struct report_list *reports, struct scratch *scratch, const uint64_t key[2])
{
    struct dialog_place *places = NULL, **end = &places;
    struct seen seen = {0};

    for (struct report *report = reports->first; report != NULL; report = report->next) {
        uint64_t hash =
            report_is_complete(report) ? leg_hash(report, key) : hash64(key, report->key);
        struct dialog_place *place = find_place(&seen, report, hash);

        if (place == NULL) {
            place = scratch_alloc(scratch, sizeof(*place));
            place->first = place->counts = report;
            *end = place;
            end = &place->next;
            seen_add(&seen, scratch, hash, place);
        } else if (report_supersedes(report, place->counts)) {
            place->counts = report;
        }
    }
    for (struct dialog_place *place = places; place != NULL; place = place->next)
        place->counts->key = place->first->key;
    *reports = (struct report_list){0};
    put_counting(reports, places, true);
    put_counting(reports, places, false);
}
