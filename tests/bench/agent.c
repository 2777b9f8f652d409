/* agent.c - what publishers, watchers and devices have in common. */
#include "tests/bench/load.h"

#include <stdio.h>

struct span agent_user(char out[AGENT_URI_BYTES], uint32_t account)
{
    return (struct span){out, (size_t)snprintf(out, AGENT_URI_BYTES, "u%u", account)};
}

struct span agent_uri(const struct load *load, char out[AGENT_URI_BYTES], uint32_t account)
{
    int len = snprintf(out, AGENT_URI_BYTES, "sip:u%u@%s", account, load->options.domain);

    must(len > 0 && len < AGENT_URI_BYTES);
    return (struct span){out, (size_t)len};
}

uint32_t agent_port(const struct load *load, uint32_t index)
{
    return index % load->options.ports;
}

uint32_t agent_marker(const struct load *load, struct span body, uint32_t presentity)
{
    char marker[32];
    int len = snprintf(marker, sizeof(marker), "m:%u:%u:", presentity, load->run);

    return scan_number(scan_behind(body, (struct span){marker, (size_t)len}));
}

bool agent_send(struct load *load, uint32_t account, uint32_t port, struct request *request,
                exchange_final_fn *on_final, uint32_t subject, uint32_t detail)
{
    struct exchange *exchange = exchange_new(&load->exchanges, port, load->now_us);
    char bytes[1024];
    char user[AGENT_URI_BYTES];
    struct text headers = {bytes, 0, sizeof(bytes)};

    if (exchange == NULL)
        return false;
    text_put(&headers, request->headers);
    if (load->credentials != NULL)
        digest_line(&load->credentials[account], &headers, agent_user(user, account),
                    SPAN("secret"), request->method, request->uri);
    request->headers = text_span(&headers);
    message_request(&load->wire, exchange, request);
    exchange->on_final = on_final;
    exchange->context = load;
    exchange->subject = subject;
    exchange->detail = detail;
    exchange->began_us = load->operation_began_us;
    exchange_send(&load->exchanges, exchange, load->now_us);
    return true;
}

static struct span request_uri(const struct exchange *exchange, struct span *method)
{
    struct span line = {exchange->bytes, exchange->len};
    const char *space = span_find(line, ' ');
    struct span rest;
    const char *end;

    must(space != NULL);
    *method = span_between(line.at, space);
    rest = span_between(space + 1, line.at + line.len);
    end = span_find(rest, ' ');
    must(end != NULL);
    return span_between(rest.at, end);
}

bool agent_challenged(struct load *load, struct exchange *exchange, uint32_t account,
                      const struct scan *response)
{
    struct exchange *again;
    char bytes[1024];
    char user[AGENT_URI_BYTES];
    struct text line = {bytes, 0, sizeof(bytes)};
    struct span method;
    struct span uri;

    if (response == NULL || (response->status != 401 && response->status != 407) ||
        load->credentials == NULL || exchange->attempts > 1)
        return false;
    if (!digest_accept(&load->credentials[account], response->challenge, response->status == 407))
        return false;
    again = exchange_new(&load->exchanges, exchange->port, load->now_us);
    if (again == NULL)
        return false;
    uri = request_uri(exchange, &method);
    digest_line(&load->credentials[account], &line, agent_user(user, account), SPAN("secret"),
                method, uri);
    message_again(exchange, again, text_span(&line));
    load->report->challenges++;
    exchange_send(&load->exchanges, again, load->now_us);
    return true;
}
