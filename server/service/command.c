/* command.c - each kind ends in the same staging functions that SIP requests use. */
#include "server/service/command.h"

#include <inttypes.h>

static struct resource *resource_of(const struct commands *self, const struct command_row *row)
{
    return resources_find(self->state->resources, row->aor, row->event);
}

static const char *unpublish(struct commands *self, const struct command_row *row)
{
    struct resource *resource = resource_of(self, row);
    struct publication *publication =
        resource == NULL ? NULL : publication_find(resource, row->target);

    if (resource != NULL && row->target == 0)
        publication = publication_find_hard_state(resource);
    if (publication == NULL)
        return "no such publication";
    publication_stage_removal(publication);
    return NULL;
}

static bool is_published(const struct event_package *package, struct span content_type)
{
    for (size_t i = 0; package != NULL && i < EVENT_PUBLISHES_MAX; i++)
        if (!span_empty(package->publishes[i]) &&
            span_equal_nocase(package->publishes[i], content_type))
            return true;
    return false;
}

static const char *stage_publication(struct commands *self, const struct command_row *row,
                                     struct span document)
{
    struct resource *resource = resource_of(self, row);
    struct publication *publication =
        resource == NULL || row->expires_s != 0 ? NULL : publication_find_hard_state(resource);
    struct publication_change change = {
        .aor = row->aor,
        .event = row->event,
        .content_type = row->content_type,
        .document = document,
        .expires_s = row->expires_s,
        .hard_state = row->expires_s == 0,
    };
    struct handle objects[1];

    if (publication != NULL)
        change.if_match = publication_entity_tag(publication);
    if (publication_stage(self->state->publications, &change, &publication) != STATUS_OK)
        return "too many publications";
    objects[0] = publication_handle(publication);
    batch_write(self->state->node.batch, objects, 1);
    return NULL;
}

/* There is one hard state per resource: a new one takes the place of the old one. */
static const char *publish(struct commands *self, const struct command_row *row)
{
    const struct event_package *package = event_package_find(self->packages, row->event);
    const char *phrase = NULL;
    struct buffer kept;

    if (!is_published(package, row->content_type))
        return "no such event package, or not with this content type";
    buffer_init(&kept, row->document.len + 1);
    if (package->check(package, row->content_type, row->document, (struct span){0}, &kept,
                       &phrase) == STATUS_OK)
        phrase = stage_publication(self, row, kept.len > 0 ? buffer_span(&kept) : row->document);
    buffer_deinit(&kept);
    return phrase;
}

static const char *terminate(struct commands *self, const struct command_row *row)
{
    struct resource *resource = resource_of(self, row);
    struct subscription *subscription =
        resource == NULL ? NULL : subscription_find_id(resource, row->target);

    if (subscription == NULL || subscription_newest(subscription).state == SUBSCRIPTION_TERMINATED)
        return "no such subscription";
    subscription_end(subscription, span_empty(row->reason) ? SPAN("deactivated") : row->reason);
    return NULL;
}

static void remove_binding(struct binding *binding, void *context)
{
    (void)context;
    binding_stage_removal(binding);
}

static const char *unregister(struct commands *self, const struct command_row *row)
{
    struct location *location = bindings_find(self->state->bindings, row->aor);
    struct binding *binding = location_find_id(location, row->target);

    if (row->target == 0)
        location_each(location, remove_binding, NULL);
    else if (binding != NULL)
        binding_stage_removal(binding);
    return location == NULL || (row->target != 0 && binding == NULL) ? "no such binding" : NULL;
}

static const char *remove_message(struct commands *self, const struct command_row *row)
{
    struct mailbox *mailbox = mailboxes_find(&self->state->mailboxes, row->aor);
    struct message *message = mailbox == NULL ? NULL : mailbox_find_message(mailbox, row->target);

    if (message == NULL)
        return "no such message";
    message_stage_removal(message);
    return NULL;
}

static const char *forget_device(struct commands *self, const struct command_row *row)
{
    struct mailbox *mailbox = mailboxes_find(&self->state->mailboxes, row->aor);
    struct device *device = mailbox == NULL ? NULL : mailbox_find_device_id(mailbox, row->target);

    if (device == NULL)
        return "no such device";
    device_stage_removal(device);
    return NULL;
}

/* The rules are in force by now. A batch says that what is shown has changed, so that a crash
 * before all were told is made good; of who was loaded nobody knows what it was told, so it is
 * told. */
static void review_resource(struct resource *resource, void *context)
{
    const struct span *scope = context;
    const struct span aor = resource_aor(resource);

    if (!span_empty(*scope) && !span_equal(*scope, aor) && !span_equal(*scope, domain_of_aor(aor)))
        return;
    resources_mark(resource->owner, aor, resource_event(resource));
    resource_touch(resource);
}

static const char *review(struct commands *self, const struct command_row *row)
{
    struct span scope = row->aor;

    if (span_equal(scope, domain_of_aor(scope)) || span_empty(scope)) {
        resources_each(self->state->resources, review_resource, &scope);
        return NULL;
    }
    for (size_t i = 0; self->packages->all[i] != NULL; i++) {
        struct resource *resource =
            resources_find(self->state->resources, scope, self->packages->all[i]->name);

        if (resource != NULL)
            review_resource(resource, &scope);
    }
    return NULL;
}

static const char *carry_out(struct commands *self, const struct command_row *row)
{
    switch (row->kind) {
    case COMMAND_PUBLISH:
        return publish(self, row);
    case COMMAND_UNPUBLISH:
        return unpublish(self, row);
    case COMMAND_TERMINATE:
        return terminate(self, row);
    case COMMAND_UNREGISTER:
        return unregister(self, row);
    case COMMAND_MESSAGE:
        return message_send(self->messages, row);
    case COMMAND_REMOVE_MESSAGE:
        return remove_message(self, row);
    case COMMAND_FORGET_DEVICE:
        return forget_device(self, row);
    case COMMAND_REVIEW:
        return review(self, row);
    }
    return "unknown";
}

void command_receive(struct commands *self, const struct command_row *row)
{
    const char *fault = carry_out(self, row);

    batch_command_done(self->state->node.batch, row->id);
    log_line(self->state->node.log, fault == NULL ? LOG_INFO : LOG_WARNING, "command",
             "id=%" PRId64 " kind=%d aor=" SPAN_FMT " result=\"%s\"", row->id, (int)row->kind,
             SPAN_ARG(row->aor), fault == NULL ? "done" : fault);
}
