/*
 * message.c - reads top to bottom in a message's life: message_stage() -> committed() -> settle()
 * or on_due() -> finish() -> remembered -> removed.
 */
#include "server/state/message.h"

#include "server/base/must.h"

#include <stdlib.h>

/* Freed when the message is done. Octets: sender, call_id, from_tag, content_type. */
struct content {
    struct blob *headers;
    struct blob *body;
    struct span sender;
    struct span call_id;
    struct span from_tag;
    struct span content_type;
    uint32_t cseq;
    uint32_t expires_s;
    char octets[];
};

struct message {
    struct hot hot;         /* first: hot.c knows it by this */
    struct table_link link; /* by its identity, of which only the hash is kept */
    struct list queue;      /* of those that wait, or that are done */
    struct mailbox *mailbox;
    struct content *content; /* NULL: done */
    int64_t id;
    struct timer timer; /* waiting: its Expires; done: until it needs not be remembered */
    struct instant expires_at;
    struct instant kept_at;
};

struct messages {
    struct node *node;
    const struct resources *resources;
    struct mailboxes *mailboxes;
    struct message_limits limits;
    struct table table;
    struct message_watcher watcher;
    size_t count;
    size_t waiting;
    uint64_t bytes;
};

static struct message *message_of_hot(struct hot *hot)
{
    return (struct message *)hot;
}

static struct message *message_of(struct list *link)
{
    return CONTAINER_OF(link, struct message, queue);
}

static struct messages *owner_of(const struct message *self)
{
    return self->mailbox->owner->messages;
}

static bool is_live(const struct hot_version *version)
{
    return version != NULL && !version->removed;
}

/* ---- identity: 64 bits under a secret key say as much as the words ---- */

static uint64_t hash_of(const struct messages *self, const struct message_identity *identity)
{
    const struct span cseq = {(const char *)&identity->cseq, sizeof(identity->cseq)};
    uint64_t hash = table_hash(&self->table, identity->call_id);

    hash = table_hash_more(&self->table, hash, identity->from_tag);
    hash = table_hash_more(&self->table, hash, identity->aor);
    hash = table_hash_more(&self->table, hash, identity->body);
    return table_hash_more(&self->table, hash, cseq);
}

static struct message *find(const struct messages *self, uint64_t hash)
{
    struct table_link *link = table_first(&self->table, hash);

    return link == NULL ? NULL : CONTAINER_OF(link, struct message, link);
}

struct message *messages_find(const struct messages *self, const struct message_identity *identity)
{
    return find(self, hash_of(self, identity));
}

/* ---- content ---- */

static struct span copy(char **to, struct span from)
{
    const struct span copied = {*to, from.len};

    if (from.len > 0)
        memcpy(*to, from.at, from.len);
    *to += from.len;
    return copied;
}

static struct content *content_new(const struct message_change *change)
{
    const struct message_identity *identity = &change->identity;
    struct content *content =
        calloc(1, sizeof(*content) + change->sender.len + identity->call_id.len +
                      identity->from_tag.len + change->content_type.len);
    char *to;

    must(content != NULL);
    to = content->octets;
    content->headers = blob_new(change->headers);
    content->body = blob_new(change->body);
    content->sender = copy(&to, change->sender);
    content->call_id = copy(&to, identity->call_id);
    content->from_tag = copy(&to, identity->from_tag);
    content->content_type = copy(&to, change->content_type);
    content->cseq = identity->cseq;
    content->expires_s = change->expires_s;
    return content;
}

static uint64_t bytes_of(const struct content *content)
{
    return blob_span(content->headers).len + blob_span(content->body).len;
}

static void content_free(struct content *content)
{
    blob_unref(content->headers);
    blob_unref(content->body);
    free(content);
}

/* ---- waiting, and done ---- */

static struct letters *letters_of(struct mailbox *mailbox)
{
    struct letters *letters = mailbox->letters;

    if (letters != NULL)
        return letters;
    letters = calloc(1, sizeof(*letters));
    must(letters != NULL);
    list_init(&letters->waiting);
    list_init(&letters->done);
    list_init(&letters->turn);
    letters->mailbox = mailbox;
    mailbox->letters = letters;
    return letters;
}

static void letters_release(struct letters *letters)
{
    if (letters->count > 0)
        return;
    list_remove(&letters->turn);
    letters->mailbox->letters = NULL;
    free(letters);
}

/* The AOR's message summary (RFC 3842) may count it. */
static void touch_summary(const struct message *self)
{
    resources_touch(owner_of(self)->resources, mailbox_aor(self->mailbox), SPAN("message-summary"));
}

static void begin_waiting(struct message *self, struct content *content)
{
    struct messages *owner = owner_of(self);
    struct letters *letters = self->mailbox->letters;

    self->content = content;
    list_remove(&self->queue);
    list_append(&letters->waiting, &self->queue);
    letters->waiting_count++;
    letters->waiting_bytes += bytes_of(content);
    owner->waiting++;
    owner->bytes += bytes_of(content);
}

static void end_waiting(struct message *self)
{
    struct messages *owner = owner_of(self);
    struct letters *letters = self->mailbox->letters;

    owner->bytes -= bytes_of(self->content);
    letters->waiting_bytes -= bytes_of(self->content);
    content_free(self->content);
    self->content = NULL;
    owner->waiting--;
    list_remove(&self->queue);
    list_append(&letters->done, &self->queue);
    letters->waiting_count--;
    touch_summary(self);
}

static timer_fn on_due;

static void watch(struct message *self)
{
    struct messages *owner = owner_of(self);
    const struct instant forget_at =
        instant_after(self->kept_at, (int64_t)owner->limits.remember_s * US_PER_S);

    timer_start(loop_timers(owner->node->loop), &self->timer,
                self->content != NULL ? self->expires_at : forget_at, on_due);
}

static void finish(struct message *self, bool expired)
{
    struct messages *owner = owner_of(self);

    end_waiting(self);
    if (owner->watcher.on_done != NULL)
        owner->watcher.on_done(owner->watcher.context, self->mailbox, self->id, expired);
    watch(self);
}

/* That they are done is told by the rows of devices: when the last one goes, so must they, or they
 * would wait again for the next one after a restart. */
static void forget_done(struct letters *letters)
{
    for (struct list *link = letters->done.next; link != &letters->done; link = link->next)
        message_stage_removal(message_of(link));
}

/* What all devices have got is done; with no device known, nothing is. */
static void settle(struct mailbox *mailbox, void *context)
{
    const int64_t through = mailbox_delivered_through(mailbox);
    struct list *waiting = &mailbox->letters->waiting;

    (void)context;
    if (through < 0)
        forget_done(mailbox->letters);
    while (!list_empty(waiting)) {
        struct message *first = message_of(waiting->next);

        if (first->id > through || !is_live(first->hot.committed))
            return;
        finish(first, false);
    }
}

/* ---- what a hot object of this kind does ---- */

static void write(const struct hot *hot, const struct hot_version *version,
                  enum storage_change change, struct storage *storage)
{
    const struct message *self = (const struct message *)hot;
    const struct content *content = self->content;
    struct message_row row = {.id = self->id, .aor = mailbox_aor(self->mailbox)};

    (void)version;
    if (change == STORAGE_INSERT) {
        row.sender = content->sender;
        row.call_id = content->call_id;
        row.from_tag = content->from_tag;
        row.cseq = content->cseq;
        row.content_type = content->content_type;
        row.headers = blob_span(content->headers);
        row.body = blob_span(content->body);
        row.expires_s = content->expires_s;
    }
    storage_put_message(storage, change, &row);
    resources_mark(owner_of(self)->resources, row.aor, SPAN("message-summary"));
}

static void committed(struct hot *hot, const struct hot_version *before)
{
    struct message *self = message_of_hot(hot);
    const struct message_watcher *watcher = &owner_of(self)->watcher;

    (void)before;
    if (hot->committed->removed)
        return;
    watch(self);
    touch_summary(self);
    if (watcher->on_committed != NULL)
        watcher->on_committed(watcher->context, self->mailbox);
}

static void dropped(struct hot *hot)
{
    watch(message_of_hot(hot));
}

static void discard(struct hot_version *version)
{
    free(version);
}

static void end(struct message *self)
{
    struct messages *owner = owner_of(self);

    if (self->content != NULL)
        end_waiting(self);
    timer_stop(loop_timers(owner->node->loop), &self->timer);
    table_remove(&owner->table, &self->link);
    handle_remove(owner->node->objects, self->hot.handle);
    list_remove(&self->queue);
    self->mailbox->letters->count--;
    letters_release(self->mailbox->letters);
    owner->count--;
    hot_deinit(&self->hot);
    free(self);
}

static void gone(struct hot *hot)
{
    struct message *self = message_of_hot(hot);
    struct mailbox *mailbox = self->mailbox;
    struct messages *owner = owner_of(self);
    const bool waited = self->content != NULL;
    const int64_t id = self->id;

    end(self);
    if (waited && owner->watcher.on_done != NULL)
        owner->watcher.on_done(owner->watcher.context, mailbox, id, false);
    mailbox_release(mailbox);
}

static const struct hot_kind kind = {
    .write = write, .committed = committed, .dropped = dropped, .discard = discard, .gone = gone};

/* ---- all of them ---- */

struct messages *messages_new(struct node *node, const struct resources *resources,
                              struct mailboxes *mailboxes, const struct message_limits *limits)
{
    struct messages *self = calloc(1, sizeof(*self));

    must(self != NULL);
    self->node = node;
    self->resources = resources;
    self->mailboxes = mailboxes;
    self->limits = *limits;
    table_init(&self->table);
    mailboxes->messages = self;
    mailboxes->on_delivered = settle;
    return self;
}

static void free_one(struct table_link *link, void *context)
{
    struct message *message = CONTAINER_OF(link, struct message, link);
    struct mailbox *mailbox = message->mailbox;

    (void)context;
    end(message);
    mailbox_release(mailbox);
}

void messages_free(struct messages *self)
{
    if (self == NULL)
        return;
    table_each(&self->table, free_one, NULL);
    table_deinit(&self->table);
    self->mailboxes->on_delivered = NULL;
    free(self);
}

void messages_reconfigure(struct messages *self, const struct message_limits *limits)
{
    self->limits = *limits;
}

size_t messages_count(const struct messages *self)
{
    return self->count;
}

size_t messages_waiting(const struct messages *self)
{
    return self->waiting;
}

void messages_watch(struct messages *self, const struct message_watcher *watcher)
{
    self->watcher = *watcher;
}

struct walk {
    mailbox_fn *fn;
    void *context;
};

static void visit(struct mailbox *mailbox, void *context)
{
    const struct walk *walk = context;

    if (mailbox_waiting(mailbox) > 0)
        walk->fn(mailbox, walk->context);
}

void messages_each_mailbox(struct messages *self, mailbox_fn *fn, void *context)
{
    struct walk walk = {fn, context};

    mailboxes_each(self->mailboxes, visit, &walk);
}

/* ---- staging ---- */

static struct message *make(struct messages *self, struct mailbox *mailbox, uint64_t hash,
                            int64_t id)
{
    struct message *made = calloc(1, sizeof(*made));

    must(made != NULL);
    if (handle_add(self->node->objects, made, &made->hot.handle) != STATUS_OK) {
        free(made);
        return NULL;
    }
    made->hot.kind = &kind;
    made->mailbox = mailbox;
    made->id = id;
    list_append(&letters_of(mailbox)->done, &made->queue);
    mailbox->letters->count++;
    table_add(&self->table, &made->link, hash);
    self->count++;
    return made;
}

static struct hot_version *version_new(bool removed)
{
    struct hot_version *version = calloc(1, sizeof(*version));

    must(version != NULL);
    version->removed = removed;
    return version;
}

static bool is_full(const struct messages *self, const struct message_change *change)
{
    return self->count >= self->limits.messages_max ||
           self->bytes + change->headers.len + change->body.len > self->limits.bytes_max;
}

/* ---- room at one AOR ---- */

static bool has_room(const struct messages *self, const struct mailbox *mailbox,
                     const struct message_change *change)
{
    const uint32_t max = change->per_aor_max != 0 ? change->per_aor_max : self->limits.per_aor_max;
    const uint64_t bytes = mailbox->letters == NULL ? 0 : mailbox->letters->waiting_bytes;

    return mailbox_waiting(mailbox) < max &&
           bytes + change->headers.len + change->body.len <= self->limits.per_aor_bytes_max;
}

/*
 * The oldest message that some device has got waits no longer for the others: a phone that was
 * replaced, and is known for a month yet, must not keep new messages out. False: nobody has got it.
 */
static bool give_way(struct mailbox *mailbox)
{
    struct device *device = mailbox_first_device(mailbox);
    struct message *oldest;
    int64_t through = 0;

    if (mailbox_waiting(mailbox) == 0)
        return false;
    for (; device != NULL; device = device_next(device))
        if (device_committed_through(device) > through)
            through = device_committed_through(device);
    oldest = message_of(mailbox->letters->waiting.next);
    if (oldest->id > through || !is_live(oldest->hot.committed))
        return false;
    finish(oldest, false);
    return true;
}

enum status message_stage(struct messages *self, const struct message_change *change,
                          struct message **out)
{
    struct mailbox *mailbox = mailboxes_get(self->mailboxes, change->identity.aor);
    struct message *made = NULL;
    enum status status = STATUS_LIMIT;
    bool fits;

    while (!(fits = has_room(self, mailbox, change)) && give_way(mailbox))
        continue;
    if (!fits)
        status = STATUS_CONFLICT;
    else if (!is_full(self, change))
        made =
            make(self, mailbox, hash_of(self, &change->identity), (int64_t)node_number(self->node));
    if (made == NULL) {
        mailbox_release(mailbox);
        return status;
    }
    made->kept_at = loop_now(self->node->loop);
    made->expires_at = instant_after(made->kept_at, (int64_t)change->expires_s * US_PER_S);
    begin_waiting(made, content_new(change));
    hot_stage(&made->hot, version_new(false));
    *out = made;
    return STATUS_OK;
}

void message_stage_removal(struct message *self)
{
    const struct handle objects[] = {self->hot.handle};

    if (!is_live(self->hot.newest))
        return;
    hot_stage(&self->hot, version_new(true));
    batch_write(owner_of(self)->node->batch, objects, 1);
}

/* ---- expiry ---- */

/* It expires at once: nobody could have refreshed it. Its row goes when that can be committed. */
static void on_due(struct timer *timer, struct instant now)
{
    struct message *self = CONTAINER_OF(timer, struct message, timer);
    struct node *node = owner_of(self)->node;
    struct instant again;

    if (!hot_is_settled(&self->hot))
        return; /* set again when the pending version is committed or dropped */
    if (self->content != NULL)
        finish(self, true);
    else if (node_may_expire(node, now, &again))
        message_stage_removal(self);
    else
        timer_start(loop_timers(node->loop), &self->timer, again, on_due);
}

/* ---- loading ---- */

static int64_t less(int64_t number, int64_t most)
{
    return number < most ? number : most;
}

void messages_load(struct messages *self, const struct message_row *row)
{
    const struct message_change change = {.identity = {.aor = row->aor,
                                                       .call_id = row->call_id,
                                                       .from_tag = row->from_tag,
                                                       .cseq = row->cseq,
                                                       .body = row->body},
                                          .headers = row->headers,
                                          .body = row->body};
    const struct instant now = loop_now(self->node->loop);
    struct mailbox *mailbox = mailboxes_get(self->mailboxes, row->aor);
    struct message *made = make(self, mailbox, hash_of(self, &change.identity), row->id);

    must(made != NULL); /* the configured cap is checked against what is stored at start */
    made->kept_at = instant_after(now, -row->kept_us);
    made->expires_at = instant_after(now, less(row->remaining_us, INT64_MAX / 2));
    hot_load(&made->hot, version_new(false));
    if (row->remaining_us > 0 && row->id > mailbox_delivered_through(mailbox))
        begin_waiting(made, content_new(&change));
    watch(made);
}

/* ---- reading ---- */

struct handle message_handle(const struct message *self)
{
    return self->hot.handle;
}

int64_t message_id(const struct message *self)
{
    return self->id;
}

bool message_is_settled(const struct message *self)
{
    return hot_is_settled(&self->hot);
}

struct mailbox *message_mailbox(const struct message *self)
{
    return self->mailbox;
}

struct span message_headers(const struct message *self)
{
    return blob_span(self->content->headers);
}

struct blob *message_body(const struct message *self)
{
    return self->content->body;
}

size_t mailbox_waiting(const struct mailbox *mailbox)
{
    return mailbox == NULL || mailbox->letters == NULL ? 0 : mailbox->letters->waiting_count;
}

size_t mailbox_kept(const struct mailbox *mailbox)
{
    const struct list *waiting =
        mailbox == NULL || mailbox->letters == NULL ? NULL : &mailbox->letters->waiting;
    size_t count = 0;

    for (const struct list *link = waiting; waiting != NULL && (link = link->next) != waiting;)
        if (CONTAINER_OF((struct list *)link, struct message, queue)->hot.committed != NULL)
            count++;
    return count;
}

struct message *mailbox_next_message(const struct mailbox *mailbox, int64_t through)
{
    const struct list *queue;

    if (mailbox->letters == NULL)
        return NULL;
    queue = &mailbox->letters->waiting;
    for (struct list *link = queue->next; link != queue; link = link->next) {
        struct message *message = message_of(link);

        if (message->hot.committed == NULL)
            return NULL;
        if (message->id > through && is_live(message->hot.newest))
            return message;
    }
    return NULL;
}

struct message *mailbox_message_above(const struct mailbox *mailbox, int64_t through)
{
    const struct list *queue = mailbox->letters == NULL ? NULL : &mailbox->letters->waiting;

    for (struct list *link = queue == NULL ? NULL : queue->next; link != queue; link = link->next)
        if (message_of(link)->id > through && is_live(message_of(link)->hot.newest))
            return message_of(link);
    return NULL;
}

int64_t mailbox_last_message(const struct mailbox *mailbox)
{
    return mailbox_waiting(mailbox) == 0 ? 0 : message_of(mailbox->letters->waiting.prev)->id;
}

struct message *mailbox_find_message(const struct mailbox *mailbox, int64_t id)
{
    struct list *queue;

    if (mailbox->letters == NULL)
        return NULL;
    queue = &mailbox->letters->waiting;
    for (struct list *link = queue->next; link != queue; link = link->next)
        if (message_of(link)->id == id)
            return message_of(link);
    return NULL;
}
