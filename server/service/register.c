/*
 * register.c - reads top to bottom in time:
 * register_receive() -> read_contacts() -> judge() -> stage_all() -> [commit] -> the
 * answer that was held.
 * A REGISTER is accepted or refused whole (RFC 3261 section 10.3 step 7).
 */
#include "server/service/register.h"

#include "server/service/contact.h"
#include "server/service/target.h"
#include "server/sip/compose.h"
#include "server/sip/parameter.h"

#include <inttypes.h>

enum {
    CONTACTS_PER_REQUEST = 32,
    CONTACT_BYTES_MAX = 4096,                 /* of one: an answer lists all of an AOR */
    CONTACT_OCTETS = 16384,                   /* for the keys of one request */
    OBJECTS_MAX = 128 + CONTACTS_PER_REQUEST, /* bindings, and their devices */
};

/* One REGISTER while it is judged. */
struct registration {
    struct registrar *self;
    struct request *request;
    const struct sip_message *message;
    const struct domain_row *domain;
    struct span aor;
    struct location *location;
    bool removes_all; /* Contact: * */
    struct contact contacts[CONTACTS_PER_REQUEST];
    size_t count;
    struct handle objects[OBJECTS_MAX];
    size_t object_count;
    struct handle devices[CONTACTS_PER_REQUEST]; /* those that it makes known, or sees again */
    size_t device_count;
};

/* ---- reading ---- */

static uint32_t max_s(const struct registration *it)
{
    return it->domain->registration_expires_max_s != 0 ? it->domain->registration_expires_max_s
                                                       : it->self->expires_max_s;
}

/* Section 10.3 step 6: the Contact's parameter, else the header field, else our default. */
static bool asked_s(const struct registration *it, const struct contact *contact, uint32_t *out)
{
    struct span expires = sip_header_value(it->message, SIP_EXPIRES);

    if (contact->has_expires)
        *out = contact->expires_s;
    else if (expires.at == NULL)
        *out = it->self->expires_default_s;
    else
        return sip_delta_seconds(expires, out) == STATUS_OK;
    return true;
}

/* NULL, or what is wrong. */
static const char *read_contacts(struct registration *it, struct buffer *keys)
{
    struct sip_values values = sip_values_of(it->message, SIP_CONTACT);
    struct span value;

    while (sip_values_next(&values, &value)) {
        struct contact *contact = &it->contacts[it->count];

        if (it->removes_all || (span_equal(value, SPAN("*")) && it->count > 0))
            return "Contact * Not Alone";
        if (span_equal(value, SPAN("*"))) {
            it->removes_all = true;
            continue;
        }
        if (it->count == CONTACTS_PER_REQUEST)
            return "Too Many Contacts In One Request";
        if (value.len > CONTACT_BYTES_MAX)
            return "Contact Too Long";
        if (contact_read(value, keys, contact) != STATUS_OK)
            return "Malformed Contact";
        if (node_text_or_nothing(contact->key).len != contact->key.len)
            return "Contact Not UTF-8";
        if (!asked_s(it, contact, &contact->expires_s))
            return "Malformed Expires";
        it->count++;
    }
    return NULL;
}

/* ---- judging: nothing is changed before everything is found right ---- */

static bool is_brief(const struct registration *it, uint32_t expires_s)
{
    return expires_s != 0 && expires_s < it->self->expires_min_s;
}

/* Section 10.3 steps 6 and 7: within one Call-ID the CSeq must rise; the same one again is a
 * repeat whose first answer got lost, and changes nothing. */
static bool is_out_of_order(const struct registration *it, const struct binding_view *before)
{
    return span_equal(before->call_id, it->message->call_id) &&
           it->message->cseq.number < before->cseq;
}

struct order_check {
    const struct registration *it;
    bool bad;
};

static void check_order(struct binding *binding, void *context)
{
    struct order_check *check = context;
    const struct binding_view before = binding_view(binding);

    check->bad = check->bad || is_out_of_order(check->it, &before);
}

static size_t count_new(const struct registration *it)
{
    size_t count = 0;

    for (size_t i = 0; i < it->count; i++)
        if (it->contacts[i].expires_s != 0 &&
            location_find(it->location, it->contacts[i].key) == NULL)
            count++;
    return count;
}

/* True when the request was refused. */
static bool refused_order(const struct registration *it)
{
    struct order_check check = {it, false};

    if (it->removes_all)
        location_each(it->location, check_order, &check);
    for (size_t i = 0; i < it->count; i++) {
        struct binding *binding = location_find(it->location, it->contacts[i].key);

        if (binding != NULL)
            check_order(binding, &check);
    }
    if (check.bad)
        request_refuse(it->request, 500, "CSeq Out Of Order");
    return check.bad;
}

static bool refused(const struct registration *it)
{
    uint32_t max =
        it->domain->contacts_max != 0 ? it->domain->contacts_max : it->self->contacts_max;

    for (size_t i = 0; i < it->count; i++)
        if (is_brief(it, it->contacts[i].expires_s)) {
            request_refuse_brief(it->request, it->self->expires_min_s);
            return true;
        }
    if (location_count(it->location) + count_new(it) > max) {
        request_refuse(it->request, 403, "Too Many Contacts");
        return true;
    }
    return refused_order(it);
}

/* ---- staging ---- */

static bool is_repeated(const struct registration *it, const struct binding *binding)
{
    const struct binding_view before = binding_view(binding);

    return span_equal(before.call_id, it->message->call_id) &&
           before.cseq == it->message->cseq.number;
}

static void wait_for(struct registration *it, const struct binding *binding)
{
    if (it->object_count < OBJECTS_MAX - CONTACTS_PER_REQUEST)
        it->objects[it->object_count++] = binding_handle(binding);
}

/* Kept messages wait for it from now on. When there is no room to know it, it registers all the
 * same. Most times it is known: one look-up. */
static bool something_waits(const struct registration *it)
{
    return mailbox_waiting(mailboxes_find(&it->self->state->mailboxes, it->aor)) > 0;
}

static void meet_device(struct registration *it, const struct binding_change *change)
{
    const struct device_name name = {
        .instance = change->instance,
        .user_agent = change->user_agent,
        .contact_key = change->contact_key,
    };
    struct device *device;

    if ((it->domain->keep_messages || something_waits(it)) && change->expires_s != 0 &&
        device_stage_seen(it->self->state->devices, it->aor, &name, &device) == STATUS_OK &&
        device != NULL && it->device_count < CONTACTS_PER_REQUEST)
        it->devices[it->device_count++] = device_handle(device);
}

static struct binding_change change_of(const struct registration *it)
{
    return (struct binding_change){
        .aor = it->aor,
        .call_id = it->message->call_id,
        .from_tag = it->message->from.tag,
        .cseq = it->message->cseq.number,
        .user_agent = node_text_or_nothing(sip_header_value(it->message, SIP_USER_AGENT)),
        .flow = *request_flow(it->request),
    };
}

static enum status stage_contact(struct registration *it, const struct contact *contact)
{
    struct binding *binding = location_find(it->location, contact->key);
    struct binding_change change = change_of(it);
    enum status status;

    if (binding != NULL && is_repeated(it, binding)) {
        wait_for(it, binding);
        return STATUS_OK;
    }
    change.contact_key = contact->key;
    change.contact = contact->uri;
    change.parameters = contact->parameters;
    change.instance = node_text_or_nothing(contact->instance);
    change.reg_id = contact->reg_id;
    change.q_thousandths = contact->q_thousandths;
    change.path = sip_header_value(it->message, SIP_PATH);
    change.expires_s = contact->expires_s < max_s(it) ? contact->expires_s : max_s(it);
    change.bound = target_is_bound(it->message, request_flow(it->request), contact->uri);
    status = binding_stage(it->self->state->bindings, &change, &binding);
    if (status == STATUS_OK) {
        wait_for(it, binding);
        meet_device(it, &change);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static void stage_removal(struct binding *binding, void *context)
{
    struct registration *it = context;
    struct binding_change change = change_of(it);
    struct binding *staged;

    change.contact_key = binding_view(binding).contact_key;
    if (binding_stage(it->self->state->bindings, &change, &staged) == STATUS_OK)
        wait_for(it, staged);
}

static enum status stage_all(struct registration *it)
{
    enum status status = STATUS_OK;

    if (it->removes_all)
        location_each(it->location, stage_removal, it);
    for (size_t i = 0; status == STATUS_OK && i < it->count; i++)
        status = stage_contact(it, &it->contacts[i]);
    return status;
}

/* ---- answering ---- */

static void put_binding(struct binding *binding, void *context)
{
    struct buffer *out = context;
    const struct binding_view view = binding_view(binding);

    buffer_put(out, SPAN("Contact: <"));
    buffer_put(out, view.contact);
    buffer_put_char(out, '>');
    buffer_put(out, view.parameters);
    buffer_put(out, SPAN(";expires="));
    buffer_put_u64(out, view.expires_s);
    buffer_put(out, SPAN("\r\n"));
}

/* Section 10.3 step 8: all current bindings, each with its expires. */
static void compose_bindings(struct registration *it)
{
    struct buffer *out =
        request_compose(it->request, 200, (struct span){0}, (struct span){0}, false);

    location_each(bindings_find(it->self->state->bindings, it->aor), put_binding, out);
    if (!span_empty(sip_header_value(it->message, SIP_PATH)))
        sip_compose_header(out, SPAN("Path"), sip_header_value(it->message, SIP_PATH));
}

static void wait_for_devices(struct registration *it)
{
    memcpy(it->objects + it->object_count, it->devices, it->device_count * sizeof(it->devices[0]));
    it->object_count += it->device_count;
}

static void answer(struct registration *it)
{
    /* The answer rests on all that is pending for the AOR, a query's too. */
    it->object_count = location_unsettled(bindings_find(it->self->state->bindings, it->aor),
                                          it->objects, OBJECTS_MAX - CONTACTS_PER_REQUEST);
    wait_for_devices(it);
    compose_bindings(it);
    if (it->object_count == 0)
        request_answer(it->request);
    else
        request_hold_until_committed(it->request, it->self->state->node.batch, it->objects,
                                     it->object_count);
}

static void judge(struct registration *it)
{
    const char *fault;
    char memory[CONTACT_OCTETS];
    struct buffer keys;

    buffer_init_fixed(&keys, memory, sizeof(memory));
    fault = read_contacts(it, &keys);
    if (fault == NULL && it->removes_all &&
        !span_equal(sip_header_value(it->message, SIP_EXPIRES), SPAN("0")))
        fault = "Contact * Without Expires: 0";
    if (fault != NULL) {
        request_refuse(it->request, 400, fault);
        return;
    }
    it->location = bindings_find(it->self->state->bindings, it->aor);
    if (refused(it))
        return;
    if ((it->count > 0 || it->removes_all) && !batch_is_open(it->self->state->node.batch)) {
        request_refuse_for_now(it->request);
        return;
    }
    if (stage_all(it) != STATUS_OK) {
        /* What was staged of it shall not be committed: it goes with this refusal. */
        wait_for_devices(it);
        batch_forget(it->self->state->node.batch, it->objects, it->object_count);
        request_refuse_for_now(it->request);
        return;
    }
    answer(it);
}

void register_receive(struct registrar *self, struct request *request)
{
    const struct sip_message *message = request_message(request);
    struct registration it = {.self = self, .request = request, .message = message};
    char octets[SIP_AOR_BYTES_MAX];

    if (sip_uri_canonical_aor(&message->to.uri, octets, sizeof(octets), &it.aor) != STATUS_OK) {
        request_refuse(request, 400, "To Is No Address Of Record");
        return;
    }
    request_name_aor(request, it.aor);
    it.domain = domains_find(self->state->domains, domain_of_aor(it.aor));
    if (it.domain == NULL)
        request_refuse(request, 404, "Domain Not Served Here");
    else if (auth_may_act(self->auth, request, it.domain, it.aor))
        judge(&it);
}
