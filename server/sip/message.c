#include "server/sip/message.h"

#include "server/sip/scan.h"

const struct sip_header *sip_header_first(const struct sip_message *message, enum sip_header_id id)
{
    return message->first[id] == 0 ? NULL : &message->headers[message->first[id] - 1];
}

const struct sip_header *sip_header_next(const struct sip_message *message,
                                         const struct sip_header *header)
{
    return header->next == 0 ? NULL : &message->headers[header->next - 1];
}

size_t sip_count(const struct sip_message *message, enum sip_header_id id)
{
    size_t count = 0;

    for (const struct sip_header *header = sip_header_first(message, id); header != NULL;
         header = sip_header_next(message, header))
        count++;
    return count;
}

struct span sip_header_value(const struct sip_message *message, enum sip_header_id id)
{
    const struct sip_header *header = sip_header_first(message, id);

    return header == NULL ? (struct span){0} : header->value;
}

const struct sip_header *sip_header_named(const struct sip_message *message, struct span name)
{
    enum sip_header_id id = sip_header_id_of(name);
    const struct sip_header *header = sip_header_first(message, id);

    if (id != SIP_HEADER_OTHER)
        return header;
    while (header != NULL && !span_equal_nocase(header->name, name))
        header = sip_header_next(message, header);
    return header;
}

struct sip_values sip_values_of(const struct sip_message *message, enum sip_header_id id)
{
    const struct sip_header *header = sip_header_first(message, id);

    return (struct sip_values){message, header, header == NULL ? (struct span){0} : header->value};
}

bool sip_values_next(struct sip_values *self, struct span *value)
{
    while (self->header != NULL) {
        if (sip_value_next(&self->rest, value))
            return true;
        self->header = sip_header_next(self->message, self->header);
        if (self->header != NULL)
            self->rest = self->header->value;
    }
    return false;
}

bool sip_lists(const struct sip_message *message, enum sip_header_id id, struct span token)
{
    struct sip_values values = sip_values_of(message, id);
    struct span value;

    while (sip_values_next(&values, &value)) {
        /* Allow-Events and the like may bear parameters */
        const char *stop = skip_class(value.at, span_end(value), OCTET_TOKEN);

        if (span_equal_nocase(span_between(value.at, stop), token))
            return true;
    }
    return false;
}
