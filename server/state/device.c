/*
 * device.c - there may be as many devices as bindings, and they live longer: a device keeps a hash
 * of its name and no words, no timer of its own, and nothing of what is not under way.
 */
#include "server/state/device.h"

#include "server/base/blob.h"
#include "server/base/buffer.h"
#include "server/base/must.h"

#include <stdlib.h>

enum {
    SEEN_S = 86400,         /* so often at the most it is written that a device was seen */
    SWEEPS = 600,           /* so many steps look at all devices once */
    SWEEP_US = 1 * US_PER_S /* one step after the other */
};

struct version {
    struct hot_version hot; /* first: hot.c knows it by this */
    int32_t seen_s;         /* on our clock; below zero when that was before it began */
    int64_t delivered_through;
    struct blob *words; /* name, NUL, User-Agent: for the row, until they are in it */
};

struct device {
    struct hot hot; /* first, likewise */
    struct device *next;
    struct mailbox *mailbox;
    struct handover *handover;
    uint64_t key; /* hash of its name */
    int64_t id;
    uint32_t place; /* in `all` */
};

struct devices {
    struct node *node;
    struct mailboxes *mailboxes;
    struct device_limits limits;
    struct device **all; /* to look who was not seen for long, some at a time */
    uint32_t count;
    uint32_t room;
    uint32_t cursor;
    struct timer sweep;
    device_fn *on_gone;
    void *context;
};

static struct version *version_of(struct hot_version *version)
{
    return (struct version *)version;
}

static const struct version *newest(const struct device *self)
{
    return version_of(self->hot.newest);
}

static bool is_live(const struct hot_version *version)
{
    return version != NULL && !version->removed;
}

static struct devices *owner_of(const struct device *self)
{
    return self->mailbox->owner->devices;
}

/* ---- names ---- */

struct key_words {
    struct span kind; /* says what the value is, so that none passes for another */
    struct span value;
};

static struct key_words words_of(const struct device_name *name)
{
    if (!span_empty(name->instance))
        return (struct key_words){SPAN("instance:"), name->instance};
    if (!span_empty(name->user_agent))
        return (struct key_words){SPAN("agent:"), name->user_agent};
    return (struct key_words){SPAN("contact:"), name->contact_key};
}

static uint64_t key_of(const struct mailboxes *mailboxes, const struct device_name *name)
{
    const struct key_words words = words_of(name);

    return mailboxes_hash(mailboxes, words.kind, words.value);
}

static uint64_t key_of_row(const struct mailboxes *mailboxes, struct span text)
{
    const char *colon = span_find(text, ':');
    const struct span kind = colon == NULL ? (struct span){0} : span_between(text.at, colon + 1);

    return mailboxes_hash(mailboxes, kind, span_skip(text, kind.len));
}

static struct blob *words_for_row(const struct device_name *name)
{
    const struct key_words words = words_of(name);
    struct buffer out;
    struct blob *blob;

    buffer_init(&out, SIZE_MAX);
    buffer_put(&out, words.kind);
    buffer_put(&out, words.value);
    buffer_put_char(&out, '\0');
    buffer_put(&out, name->user_agent);
    blob = blob_new(buffer_span(&out));
    buffer_deinit(&out);
    return blob;
}

/* ---- what a hot object of this kind does ---- */

static void write(const struct hot *hot, const struct hot_version *hot_version,
                  enum storage_change change, struct storage *storage)
{
    const struct device *self = (const struct device *)hot;
    const struct version *version = (const struct version *)hot_version;
    struct device_row row = {.id = self->id,
                             .aor = mailbox_aor(self->mailbox),
                             .delivered_through = version->delivered_through};
    const struct span words = blob_span(version->words);
    const char *end = span_find(words, '\0');

    if (end != NULL) {
        row.device_key = span_between(words.at, end);
        row.user_agent = span_skip(words, row.device_key.len + 1);
    }
    storage_put_device(storage, change, &row);
}

static void committed(struct hot *hot, const struct hot_version *before)
{
    struct device *self = (struct device *)hot;
    struct version *version = version_of(hot->committed);

    (void)before;
    blob_unref(version->words);
    version->words = NULL;
    mailbox_delivered(self->mailbox);
}

static void dropped(struct hot *hot)
{
    (void)hot; /* what was delivered is sent again; who was seen will be seen again */
}

static void discard(struct hot_version *version)
{
    blob_unref(version_of(version)->words);
    free(version);
}

static void leave_mailbox(struct device *self)
{
    struct device **link = &self->mailbox->devices;

    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
    self->mailbox->device_count--;
}

static void end(struct device *self)
{
    struct devices *owner = owner_of(self);

    if (self->handover != NULL && owner->on_gone != NULL)
        owner->on_gone(owner->context, self);
    leave_mailbox(self);
    owner->all[self->place] = owner->all[--owner->count];
    owner->all[self->place]->place = self->place;
    handle_remove(owner->node->objects, self->hot.handle);
    hot_deinit(&self->hot);
    free(self);
}

/* What waited for it alone waits no longer. */
static void gone(struct hot *hot)
{
    struct mailbox *mailbox = ((struct device *)hot)->mailbox;

    end((struct device *)hot);
    mailbox_delivered(mailbox);
    mailbox_release(mailbox);
}

static const struct hot_kind kind = {
    .write = write, .committed = committed, .dropped = dropped, .discard = discard, .gone = gone};

/* ---- all of them ---- */

static timer_fn on_sweep;

static void sweep_later(struct devices *self, struct instant now)
{
    timer_start(loop_timers(self->node->loop), &self->sweep, instant_after(now, SWEEP_US),
                on_sweep);
}

struct devices *devices_new(struct node *node, struct mailboxes *mailboxes,
                            const struct device_limits *limits)
{
    struct devices *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    self->mailboxes = mailboxes;
    self->limits = *limits;
    mailboxes->devices = self;
    sweep_later(self, loop_now(node->loop));
    return self;
}

void devices_free(struct devices *self)
{
    if (self == NULL)
        return;
    timer_stop(loop_timers(self->node->loop), &self->sweep);
    while (self->count > 0) {
        struct mailbox *mailbox = self->all[self->count - 1]->mailbox;

        end(self->all[self->count - 1]);
        mailbox_release(mailbox);
    }
    free(self->all);
    free(self);
}

void devices_reconfigure(struct devices *self, const struct device_limits *limits)
{
    self->limits = *limits;
}

size_t devices_count(const struct devices *self)
{
    return self->count;
}

void devices_watch(struct devices *self, device_fn *on_gone, void *context)
{
    self->on_gone = on_gone;
    self->context = context;
}

static void append(struct devices *self, struct device *device)
{
    if (self->count == self->room) {
        self->room = self->room == 0 ? 64 : self->room + self->room / 2;
        self->all = realloc(self->all, self->room * sizeof(struct device *));
        must(self->all != NULL);
    }
    device->place = self->count;
    self->all[self->count++] = device;
}

static struct device *make(struct devices *self, struct mailbox *mailbox, uint64_t key, int64_t id)
{
    struct device *made = calloc(1, sizeof(*made));

    must(made != NULL);
    if (handle_add(self->node->objects, made, &made->hot.handle) != STATUS_OK) {
        free(made);
        return NULL;
    }
    made->hot.kind = &kind;
    made->mailbox = mailbox;
    made->key = key;
    made->id = id;
    made->next = mailbox->devices;
    mailbox->devices = made;
    mailbox->device_count++;
    append(self, made);
    return made;
}

/* ---- staging ---- */

static struct version *version_new(int32_t seen_s, int64_t delivered_through, struct blob *words)
{
    struct version *version = calloc(1, sizeof(*version));

    must(version != NULL);
    version->seen_s = seen_s;
    version->delivered_through = delivered_through;
    version->words = words;
    return version;
}

static int32_t now_s(const struct devices *self)
{
    return (int32_t)(loop_now(self->node->loop).us / US_PER_S);
}

/* What is forgotten soon is seen more often: four times before it is. */
static bool was_seen_lately(const struct devices *self, const struct device *device)
{
    const int32_t quarter_s = (int32_t)(self->limits.forget_s / 4);

    return is_live(device->hot.newest) &&
           now_s(self) - newest(device)->seen_s < (quarter_s < SEEN_S ? quarter_s : SEEN_S);
}

/* One whose removal is still pending is taken too: the row stays the same. */
static struct device *find(const struct mailbox *mailbox, uint64_t key)
{
    struct device *device = mailbox == NULL ? NULL : mailbox->devices;

    while (device != NULL && device->key != key)
        device = device->next;
    return device;
}

static void forget_oldest(const struct mailbox *mailbox)
{
    struct device *oldest = NULL;

    for (struct device *each = mailbox->devices; each != NULL; each = each->next)
        if (is_live(each->hot.newest) &&
            (oldest == NULL || newest(each)->seen_s < newest(oldest)->seen_s))
            oldest = each;
    if (oldest != NULL)
        device_stage_removal(oldest);
}

static struct device *stage_new(struct devices *self, struct span aor, uint64_t key)
{
    struct mailbox *mailbox;
    struct device *made;

    if (self->count >= self->limits.devices_max)
        return NULL;
    mailbox = mailboxes_get(self->mailboxes, aor);
    if (mailbox->device_count >= DEVICES_PER_AOR)
        forget_oldest(mailbox);
    made = make(self, mailbox, key, (int64_t)node_number(self->node));
    if (made == NULL)
        mailbox_release(mailbox);
    return made;
}

/* What all others have got is done: a newcomer waits for what they wait for. */
static int64_t begins_at(const struct device *device)
{
    int64_t done;

    if (device->hot.newest != NULL)
        return device_delivered_through(device);
    done = mailbox_delivered_through(device_mailbox(device));
    return done < 0 ? 0 : done;
}

enum status device_stage_seen(struct devices *self, struct span aor, const struct device_name *name,
                              struct device **out)
{
    const uint64_t key = key_of(self->mailboxes, name);
    struct device *found = find(mailboxes_find(self->mailboxes, aor), key);

    *out = NULL;
    if (found != NULL && was_seen_lately(self, found)) {
        if (found->hot.committed == NULL)
            *out = found; /* what makes it known is still on its way */
        return STATUS_OK;
    }
    if (found == NULL)
        found = stage_new(self, aor, key);
    if (found == NULL)
        return STATUS_LIMIT;
    hot_stage(&found->hot, &version_new(now_s(self), begins_at(found), words_for_row(name))->hot);
    *out = found;
    return STATUS_OK;
}

void device_stage_delivered(struct device *self, int64_t through)
{
    const struct version *last = newest(self);
    const struct handle objects[] = {self->hot.handle};
    struct version *version;

    if (!is_live(self->hot.newest) || through <= last->delivered_through)
        return;
    version = version_new(last->seen_s, through, blob_ref(last->words));
    version->hot.partial = true;
    hot_stage(&self->hot, &version->hot);
    batch_write(owner_of(self)->node->batch, objects, 1);
}

void device_stage_removal(struct device *self)
{
    const struct handle objects[] = {self->hot.handle};
    struct version *version =
        version_new(newest(self)->seen_s, newest(self)->delivered_through, NULL);

    version->hot.removed = true;
    hot_stage(&self->hot, &version->hot);
    batch_write(owner_of(self)->node->batch, objects, 1);
}

/* ---- who was not seen for long ---- */

static bool is_forgotten(const struct devices *self, const struct device *device)
{
    return hot_is_settled(&device->hot) &&
           now_s(self) - newest(device)->seen_s > (int32_t)self->limits.forget_s;
}

static void on_sweep(struct timer *timer, struct instant now)
{
    struct devices *self = CONTAINER_OF(timer, struct devices, sweep);
    struct instant again;

    for (uint32_t left = self->count / SWEEPS + 1; left > 0 && self->count > 0; left--) {
        self->cursor = self->cursor + 1 < self->count ? self->cursor + 1 : 0;
        if (is_forgotten(self, self->all[self->cursor]) && node_may_expire(self->node, now, &again))
            device_stage_removal(self->all[self->cursor]);
    }
    sweep_later(self, now);
}

/* ---- loading ---- */

void devices_load(struct devices *self, const struct device_row *row)
{
    const uint64_t key = key_of_row(self->mailboxes, row->device_key);
    struct mailbox *mailbox = mailboxes_get(self->mailboxes, row->aor);
    struct device *made = make(self, mailbox, key, row->id);
    int64_t seen_s = now_s(self) - row->unseen_us / US_PER_S;

    must(made != NULL); /* the configured cap is checked against what is stored at start */
    if (seen_s < INT32_MIN / 2)
        seen_s = INT32_MIN / 2;
    hot_load(&made->hot, &version_new((int32_t)seen_s, row->delivered_through, NULL)->hot);
}

/* ---- reading ---- */

struct handle device_handle(const struct device *self)
{
    return self->hot.handle;
}

int64_t device_id(const struct device *self)
{
    return self->id;
}

struct mailbox *device_mailbox(const struct device *self)
{
    return self->mailbox;
}

struct handover **device_handover(struct device *self)
{
    return &self->handover;
}

int64_t device_delivered_through(const struct device *self)
{
    return self->hot.newest == NULL ? 0 : newest(self)->delivered_through;
}

int64_t device_committed_through(const struct device *self)
{
    return version_of(self->hot.committed)->delivered_through;
}

struct device *mailbox_find_device(const struct mailbox *mailbox, const struct device_name *name)
{
    struct device *found = find(mailbox, key_of(mailbox->owner, name));

    return found != NULL && is_live(found->hot.committed) ? found : NULL;
}

struct device *mailbox_find_device_id(const struct mailbox *mailbox, int64_t id)
{
    struct device *device = mailbox_first_device(mailbox);

    while (device != NULL && device->id != id)
        device = device_next(device);
    return device;
}

static struct device *first_seen(struct device *device)
{
    while (device != NULL && !is_live(device->hot.committed))
        device = device->next;
    return device;
}

struct device *mailbox_first_device(const struct mailbox *mailbox)
{
    return first_seen(mailbox->devices);
}

struct device *device_next(const struct device *self)
{
    return first_seen(self->next);
}

int64_t mailbox_delivered_through(const struct mailbox *mailbox)
{
    int64_t least = -1;

    for (struct device *each = mailbox_first_device(mailbox); each != NULL;
         each = device_next(each)) {
        const int64_t through = device_committed_through(each);

        if (least < 0 || through < least)
            least = through;
    }
    return least;
}
