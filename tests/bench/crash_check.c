/* crash_check.c - rows, dialogs and fetches against what was promised. */
#include "tests/bench/crash.h"

#include <stdio.h>
#include <stdlib.h>

#define SETTLE_US 3000000
#define FETCH_AGAIN_US 400000

bool version_must_hold(const struct version *version, int64_t now_us)
{
    return version->present && now_us < version->mortal_us;
}

/* What expires while the server cannot take refreshes gets its grace when it is back. */
static int64_t overdue_us(const struct crash *self, const struct version *version)
{
    int64_t from_us = version->gone_us > self->up_us ? version->gone_us : self->up_us;

    return self->now_us - from_us - self->grace_us;
}

bool version_must_be_gone(const struct crash *self, const struct version *version)
{
    return !version->present || overdue_us(self, version) > 0;
}

static const char *kind_name(enum object_kind kind)
{
    static const char *const names[] = {"binding", "publication", "subscription"};

    return names[kind];
}

/* ---- rows ---- */

/* What one row says of one object. */
struct row {
    uint32_t mark;
    const char *tag; /* publication: entity-tag; subscription: the server's dialog tag */
};

static bool matches(const struct object *object, const struct version *version,
                    const struct row *row)
{
    if (!version->present || version->mark != row->mark)
        return false;
    return object->kind != OBJECT_PUBLICATION || version->tag[0] == '\0' ||
           strcmp(version->tag, row->tag) == 0;
}

static void adopt(struct object *object, const struct version *version, const struct row *row)
{
    struct version truth = *version;

    if (object->kind == OBJECT_PUBLICATION)
        (void)snprintf(truth.tag, sizeof(truth.tag), "%s", row->tag);
    if (object->kind == OBJECT_SUBSCRIPTION)
        (void)snprintf(object->remote_tag, sizeof(object->remote_tag), "%s", row->tag);
    object->sure = truth;
}

static void judge_row(struct crash *self, struct object *object, const struct row *row)
{
    const struct version *version = NULL;

    self->counts.rows++;
    if (object->row_seen) {
        crash_violation(self, "TWICE: %s %u of u%u", kind_name(object->kind), object->number,
                        object->account);
        return;
    }
    object->row_seen = true;
    if (matches(object, &object->sure, row))
        version = &object->sure;
    else if (object->unknown && matches(object, &object->maybe, row))
        version = &object->maybe;
    if (version == NULL) {
        crash_violation(self,
                        "WRONG: %s %u of u%u is in the table as %u %s; acknowledged: %s %u %s%s",
                        kind_name(object->kind), object->number, object->account, row->mark,
                        row->tag, object->sure.present ? "present" : "absent", object->sure.mark,
                        object->sure.tag, object->unknown ? " (and one unknown)" : "");
        return;
    }
    if (version_must_be_gone(self, version))
        crash_violation(self, "EXPIRED, yet there: %s %u of u%u, %.1f s too long",
                        kind_name(object->kind), object->number, object->account,
                        (double)overdue_us(self, version) / 1e6);
    if (object->kind == OBJECT_PUBLICATION && row->mark < object->shown)
        crash_violation(self, "SHOWN, not stored: publication %u of u%u: %u in a NOTIFY, %u stored",
                        object->number, object->account, object->shown, row->mark);
    if (object->unknown) {
        self->counts.settled_unknown++;
        adopt(object, version, row);
    }
}

static void judge_missing(struct crash *self, struct object *object)
{
    bool sure = version_must_hold(&object->sure, self->now_us);
    bool maybe = object->unknown && !version_must_hold(&object->maybe, self->now_us);

    if (sure && !maybe)
        crash_violation(self, "LOST: %s %u of u%u, acknowledged at %u %s", kind_name(object->kind),
                        object->number, object->account, object->sure.mark, object->sure.tag);
    if (object->kind == OBJECT_PUBLICATION && object->unknown && !object->sure.present &&
        version_must_hold(&object->maybe, self->now_us) && object->shown == object->maybe.mark)
        crash_violation(self, "SHOWN, not stored: publication %u of u%u, serial %u", object->number,
                        object->account, object->maybe.mark);
    if (object->unknown)
        self->counts.settled_unknown++;
    object->sure.present = false;
}

/* The object of a name such as "3-1-5af2"; NULL when it is not of this run. */
static struct object *named(struct crash *self, enum object_kind kind, const char *name)
{
    uint32_t numbers[2];

    if (scan_dashed(span_of(name), numbers, 2) != 2 || numbers[0] >= self->accounts ||
        numbers[1] > 1)
        return NULL;
    return crash_object(self, kind, numbers[0], numbers[1]);
}

static void binding_row(struct crash *self, const char *contact, const char *cseq)
{
    const char *user = strstr(contact, "sip:b");
    struct object *object = user == NULL ? NULL : named(self, OBJECT_BINDING, user + 5);
    struct row row = {.mark = (uint32_t)strtoul(cseq, NULL, 10), .tag = ""};

    if (object == NULL)
        crash_violation(self, "STRANGE: a binding to %s", contact);
    else
        judge_row(self, object, &row);
}

static void publication_row(struct crash *self, const char *marker, const char *tag)
{
    struct object *object = named(self, OBJECT_PUBLICATION, marker);
    const char *serial = strrchr(marker, '-');
    struct row row = {.tag = tag};

    if (object == NULL || serial == NULL) {
        crash_violation(self, "STRANGE: a publication with the marker %s", marker);
        return;
    }
    row.mark = (uint32_t)strtoul(serial + 1, NULL, 10);
    judge_row(self, object, &row);
}

static void subscription_row(struct crash *self, const char *call_id, const char *tag,
                             const char *cseq)
{
    struct object *object =
        call_id[0] == 's' ? named(self, OBJECT_SUBSCRIPTION, call_id + 1) : NULL;
    struct row row = {.mark = (uint32_t)strtoul(cseq, NULL, 10), .tag = tag};
    uint32_t numbers[3];

    if (object == NULL || scan_dashed(span_of(call_id + 1), numbers, 3) != 3)
        crash_violation(self, "STRANGE: a subscription with Call-ID %s", call_id);
    else if (numbers[2] != object->life)
        crash_violation(self, "ENDED, yet there: subscription %s (now at life %u)", call_id,
                        object->life);
    else
        judge_row(self, object, &row);
}

static void read_row(struct crash *self, char *line)
{
    char *fields[5] = {"", "", "", "", ""};
    char *rest = line;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 5 && rest != NULL; i++)
        fields[i] = strsep(&rest, "\t");
    if (strcmp(fields[0], "B") == 0)
        binding_row(self, fields[1], fields[2]);
    else if (strcmp(fields[0], "P") == 0)
        publication_row(self, fields[1], fields[2]);
    else if (strcmp(fields[0], "S") == 0)
        subscription_row(self, fields[1], fields[2], fields[3]);
    else if (strcmp(fields[0], "M") == 0)
        mail_message_row(self, fields[1], fields[2]);
    else if (strcmp(fields[0], "V") == 0)
        mail_delivery_row(self, fields[1], fields[2], fields[3], fields[4]);
    else if (strcmp(fields[0], "D") == 0)
        mail_device_row(self, fields[1]);
    else if (strcmp(fields[0], "I") == 0)
        crash_violation(self, "INVARIANT: %s", fields[1]);
    else
        crash_violation(self, "the row \"%s\" cannot be read", line);
}

void check_rows(struct crash *self, const char *path)
{
    uint32_t count = self->accounts * CRASH_ROLES;
    FILE *file = fopen(path, "r");
    char line[1024];

    if (file == NULL) {
        crash_violation(self, "%s cannot be read", path);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        self->objects[i].row_seen = false;
    mail_check_begin(self);
    while (fgets(line, sizeof(line), file) != NULL)
        read_row(self, line);
    (void)fclose(file);
    mail_check_end(self);
    for (uint32_t i = 0; i < count; i++) {
        struct object *object = &self->objects[i];

        if (!object->row_seen)
            judge_missing(self, object);
        object->unknown = false;
        if (object->kind == OBJECT_SUBSCRIPTION && object->cseq < object->sure.mark)
            object->cseq = object->sure.mark;
    }
    self->counts.checks++;
}

/* ---- watchers ---- */

/* Whether `serial` may be what is shown of a publication now; 0 is nothing. */
static bool right(const struct crash *self, const struct object *publication, uint32_t serial)
{
    if (serial == 0)
        return !version_must_hold(&publication->sure, self->now_us);
    return publication->sure.mark == serial && !version_must_be_gone(self, &publication->sure);
}

/* The first device that is shown wrongly; CRASH_DEVICES when all is right. */
static uint32_t wrong_device(struct crash *self, uint32_t account, const uint32_t *serials)
{
    uint32_t device;

    for (device = 0; device < CRASH_DEVICES; device++)
        if (!right(self, crash_object(self, OBJECT_PUBLICATION, account, device), serials[device]))
            break;
    return device;
}

static bool watcher_is_right(struct crash *self, const struct object *watcher)
{
    if (watcher->ended || !version_must_hold(&watcher->sure, self->now_us))
        return true; /* ended: told when it happened whether it might */
    return watcher->notify_cseq > 0 &&
           wrong_device(self, watcher->account, watcher->serials) == CRASH_DEVICES;
}

static bool fetch_is_right(struct crash *self, uint32_t account)
{
    const struct fetch *fetch = &self->fetches[account];

    return fetch->accepted && fetch->notified &&
           wrong_device(self, account, fetch->serials) == CRASH_DEVICES;
}

static void complain(struct crash *self, const char *who, uint32_t account, uint32_t number,
                     const uint32_t *serials)
{
    uint32_t device = wrong_device(self, account, serials);
    const struct object *publication;

    if (device == CRASH_DEVICES) {
        crash_violation(self, "NOT TOLD: %s %u of u%u got no NOTIFY", who, number, account);
        return;
    }
    publication = crash_object(self, OBJECT_PUBLICATION, account, device);
    crash_violation(self, "STALE: %s %u of u%u shows %u of device %u; it is %s at %u", who, number,
                    account, serials[device], device,
                    publication->sure.present ? "published" : "absent", publication->sure.mark);
}

static uint32_t wrong_watchers(struct crash *self, bool tell)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < self->accounts * CRASH_ROLES; i++) {
        const struct object *object = &self->objects[i];

        if (object->kind != OBJECT_SUBSCRIPTION || watcher_is_right(self, object))
            continue;
        wrong++;
        if (tell)
            complain(self, "watcher", object->account, object->number, object->serials);
    }
    return wrong;
}

static uint32_t wrong_fetches(struct crash *self, bool again, bool tell)
{
    uint32_t wrong = 0;

    for (uint32_t account = 0; account < self->accounts; account++) {
        if (fetch_is_right(self, account))
            continue;
        wrong++;
        if (tell)
            complain(self, "fetch", account, 0, self->fetches[account].serials);
        else if (again)
            traffic_fetch(self, account);
    }
    return wrong;
}

void check_watchers(struct crash *self)
{
    int64_t give_up_us = self->now_us + SETTLE_US;
    int64_t fetch_us = self->now_us + FETCH_AGAIN_US;

    for (uint32_t account = 0; account < self->accounts; account++)
        traffic_fetch(self, account);
    while (wrong_watchers(self, false) + wrong_fetches(self, false, false) > 0 &&
           self->now_us < give_up_us) {
        crash_turn(self);
        /* What expired in between is looked at once more. */
        if (self->now_us > fetch_us) {
            (void)wrong_fetches(self, true, false);
            fetch_us = self->now_us + FETCH_AGAIN_US;
        }
    }
    (void)wrong_watchers(self, true);
    (void)wrong_fetches(self, false, true);
}
