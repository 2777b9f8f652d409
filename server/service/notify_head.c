/* notify_head.c - what differs from one watcher's NOTIFY to the next. */
#include "server/service/notify_head.h"

#include "server/sip/compose.h"
#include "server/sip/event.h"

static void put_state(const struct notify_head *self, struct buffer *out)
{
    const struct subscription_view *view = &self->view;
    const bool over = subscription_is_over(view->state);
    const struct sip_subscription_state state = {
        .state = span_of(subscription_state_name(view->state)),
        .reason = over ? view->reason : (struct span){0},
        .expires_s = over ? -1 : (int64_t)view->left_s,
        .retry_after_s = -1,
    };

    buffer_put(out, SPAN("Subscription-State: "));
    sip_subscription_state_compose(out, &state);
    sip_rates_compose(out, &self->rates);
    buffer_put(out, SPAN("\r\n"));
}

static void put_contact(const struct notify_head *self, const struct transport *transport,
                        const struct flow *flow, struct buffer *out)
{
    buffer_put(out, SPAN("Contact: <sip:"));
    buffer_put(out, self->view.ids.local_tag);
    buffer_put_char(out, '@');
    transport_contact_host(transport, flow, out);
    buffer_put(out, SPAN(">\r\n"));
}

static void put_event(const struct notify_head *self, struct buffer *out)
{
    buffer_put(out, SPAN("Event: "));
    buffer_put(out, self->event);
    if (!span_empty(self->view.event_id)) {
        buffer_put(out, SPAN(";id="));
        buffer_put(out, self->view.event_id);
    }
    buffer_put(out, SPAN("\r\n"));
}

void notify_head_compose(const struct notify_head *self, const struct transport *transport,
                         const struct flow *flow, struct span branch, struct buffer *out)
{
    buffer_reset(out);
    dialog_compose_head(transport, &self->view.ids, SIP_NOTIFY, self->cseq, flow, branch, out);
    put_contact(self, transport, flow, out);
    put_event(self, out);
    put_state(self, out);
    sip_compose_header(out, SPAN("SIP-ETag"), self->entity_tag);
    if (self->list)
        sip_compose_header(out, SPAN("Require"), SPAN("eventlist"));
    if (self->body_bytes > 0)
        sip_compose_header(out, SPAN("Content-Type"), self->content_type);
    buffer_put(out, SPAN("Content-Length: "));
    buffer_put_u64(out, self->body_bytes);
    buffer_put(out, SPAN("\r\n\r\n"));
}
