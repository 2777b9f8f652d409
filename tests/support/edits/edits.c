/* edits.c - fields from seeds, documents from fields. */
#include "tests/support/edits/edits.h"

#include "pidf/xml/escape.h"

static uint64_t next(uint64_t *random) /* splitmix64 */
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned below(uint64_t *random, unsigned limit)
{
    return (unsigned)(next(random) % limit);
}

#define PICK(random, list) ((list)[below((random), sizeof(list) / sizeof((list)[0]))])

/* What markup, escapes and white space can break. */
static const char *const words[] = {"away",
                                    "lunch & tea",
                                    "a < b",
                                    "\"quoted\"",
                                    "it's",
                                    "]]>",
                                    "tab\there",
                                    "line\nfeed",
                                    "carriage\rreturn",
                                    "Zo\xc3\xab",
                                    "\xf0\x9f\x98\x80",
                                    " lead",
                                    "trail ",
                                    "&amp;",
                                    "x"};

static void put_words(struct buffer *out, uint64_t *random)
{
    for (unsigned count = 1 + below(random, 3); count > 0; count--)
        escape_put_text(out, span_of(PICK(random, words)));
}

static void put_value(struct buffer *out, uint64_t *random)
{
    buffer_put_char(out, '"');
    escape_put_value(out, span_of(PICK(random, words)));
    buffer_put_char(out, '"');
}

static void put_note(struct buffer *out, const char *name, uint64_t seed)
{
    if (below(&seed, 2) == 0)
        return;
    buffer_printf(out, "<%s", name);
    if (below(&seed, 3) == 0)
        buffer_printf(out, " xml:lang=\"%s\"", below(&seed, 2) ? "en" : "fr");
    buffer_put(out, SPAN(">x"));
    put_words(out, &seed);
    buffer_printf(out, "</%s>", name);
}

/* Unknown elements: mixed text, foreign and no namespaces, comments, nested PIDF. */
static void put_extension(struct buffer *out, uint64_t seed)
{
    static const char *const prefixes[] = {"x", "y", "p", "ns1"};
    const char *prefix = PICK(&seed, prefixes);
    unsigned uri = below(&seed, 3);

    if (below(&seed, 3) == 0)
        return;
    buffer_printf(out, "<%s:ext xmlns:%s=\"urn:example:%u\" a=", prefix, prefix, uri);
    put_value(out, &seed);
    if (below(&seed, 3) == 0) {
        buffer_printf(out, " %s:b=", prefix);
        put_value(out, &seed);
    }
    buffer_put_char(out, '>');
    for (unsigned count = below(&seed, 4); count > 0; count--)
        switch (below(&seed, 5)) {
        case 0:
            put_words(out, &seed);
            break;
        case 1:
            buffer_put(out, SPAN("<bare xmlns=\"\" a=\"1\"><inner/></bare>"));
            break;
        case 2:
            buffer_printf(out, "<%s:sub id=\"s%u\"/>", prefix, below(&seed, 100));
            break;
        case 3:
            buffer_printf(out, "<%s:sub>", prefix);
            put_words(out, &seed);
            buffer_printf(out, "</%s:sub><!-- aside -->", prefix);
            break;
        default:
            buffer_put(out, SPAN("<note xmlns=\"urn:ietf:params:xml:ns:pidf\">deep</note>"));
            break;
        }
    buffer_printf(out, "</%s:ext>", prefix);
}

static void put_timestamp(struct buffer *out, const char *name, uint64_t seed)
{
    if (below(&seed, 2) == 0)
        buffer_printf(out, "<%s>2026-01-%02uT10:00:00Z</%s>", name, 1 + below(&seed, 28), name);
}

static void put_tuple(struct buffer *out, const struct edits_part *tuple)
{
    uint64_t contact = tuple->fields[1], caps = tuple->fields[4];

    if (!tuple->present)
        return;
    buffer_printf(out, "\n  <tuple id=\"t%u\">\n    <status><basic>%s</basic></status>", tuple->id,
                  tuple->fields[0] % 2 ? "open" : "closed");
    if (below(&caps, 2) == 0)
        buffer_printf(out, "<c:servcaps><c:audio>%s</c:audio><c:video>%s</c:video></c:servcaps>",
                      below(&caps, 2) ? "true" : "false", below(&caps, 2) ? "true" : "false");
    put_extension(out, tuple->fields[2]);
    if (below(&contact, 4) > 0) {
        buffer_put(out, SPAN("<contact"));
        if (below(&contact, 2) == 0)
            buffer_printf(out, " priority=\"0.%u\"", below(&contact, 9));
        buffer_printf(out, ">sip:u%u@example.com?a=1&amp;b=2</contact>", tuple->id);
    }
    put_note(out, "note", tuple->fields[3]);
    put_note(out, "note", tuple->fields[5]);
    put_timestamp(out, "timestamp", tuple->fields[6]);
    buffer_put(out, SPAN("\n  </tuple>"));
}

static void put_activities(struct buffer *out, uint64_t seed)
{
    static const char *const names[] = {"busy",    "away",         "meal",
                                        "meeting", "on-the-phone", "travel"};

    if (below(&seed, 4) == 0)
        return;
    buffer_put(out, SPAN("<r:activities>"));
    put_note(out, "r:note", next(&seed));
    for (unsigned count = 1 + below(&seed, 3); count > 0; count--)
        buffer_printf(out, "<r:%s/>", PICK(&seed, names));
    buffer_put(out, SPAN("</r:activities>"));
}

static void put_person(struct buffer *out, const struct edits_part *person)
{
    static const char *const moods[] = {"happy", "sad", "bored", "angry"};
    uint64_t mood = person->fields[1], sphere = person->fields[2];

    if (!person->present)
        return;
    buffer_printf(out, "<dm:person id=\"p%u\">", person->id % 2);
    put_activities(out, person->fields[0]);
    if (below(&mood, 2) == 0)
        buffer_printf(out, "<r:mood><r:%s/></r:mood>", PICK(&mood, moods));
    if (below(&sphere, 2) == 0)
        buffer_printf(out, "<r:sphere><r:%s/></r:sphere>", below(&sphere, 2) ? "work" : "home");
    put_extension(out, person->fields[3]);
    put_note(out, "dm:note", person->fields[4]);
    put_note(out, "dm:note", person->fields[5]);
    put_timestamp(out, "dm:timestamp", person->fields[6]);
    buffer_put(out, SPAN("</dm:person>"));
}

static void put_device(struct buffer *out, const struct edits_part *device)
{
    if (!device->present)
        return;
    buffer_printf(out, "<dm:device id=\"d%u\">", device->id);
    put_extension(out, device->fields[0]);
    buffer_printf(out, "<dm:deviceID>urn:esn:%u</dm:deviceID>", device->id);
    put_note(out, "dm:note", device->fields[1]);
    put_timestamp(out, "dm:timestamp", device->fields[2]);
    buffer_put(out, SPAN("</dm:device>\n"));
}

void edits_publish(const struct edits *self, struct buffer *out)
{
    buffer_put(out, SPAN("<presence xmlns=\"urn:ietf:params:xml:ns:pidf\""
                         " xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
                         " xmlns:r=\"urn:ietf:params:xml:ns:pidf:rpid\""
                         " xmlns:c=\"urn:ietf:params:xml:ns:pidf:caps\""
                         " entity=\"pres:a@example.com\">"));
    for (size_t i = 0; i < EDITS_TUPLES; i++)
        put_tuple(out, &self->tuples[i]);
    put_note(out, "note", self->notes[0]);
    put_note(out, "note", self->notes[1]);
    put_person(out, &self->person);
    for (size_t i = 0; i < EDITS_DEVICES; i++)
        put_device(out, &self->devices[i]);
    put_extension(out, self->extension);
    buffer_put(out, SPAN("</presence>"));
}

/* ---- changes ---- */

static void part_init(struct edits *self, struct edits_part *part, unsigned id)
{
    part->present = below(&self->random, 3) > 0;
    part->id = id;
    for (size_t i = 0; i < EDITS_FIELDS; i++)
        part->fields[i] = next(&self->random);
}

void edits_init(struct edits *self, uint64_t seed)
{
    *self = (struct edits){.random = seed};
    for (unsigned i = 0; i < EDITS_TUPLES; i++)
        part_init(self, &self->tuples[i], i);
    for (unsigned i = 0; i < EDITS_DEVICES; i++)
        part_init(self, &self->devices[i], i);
    part_init(self, &self->person, 0);
    self->notes[0] = next(&self->random);
    self->notes[1] = next(&self->random);
    self->extension = next(&self->random);
}

static void change_part(struct edits *self, struct edits_part *part)
{
    switch (below(&self->random, 8)) {
    case 0:
        part->present = !part->present;
        return;
    case 1:
        part->id = below(&self->random, 20);
        return;
    default:
        part->fields[below(&self->random, EDITS_FIELDS)] = next(&self->random);
        return;
    }
}

static void swap_tuples(struct edits *self)
{
    unsigned a = below(&self->random, EDITS_TUPLES), b = below(&self->random, EDITS_TUPLES);
    struct edits_part kept = self->tuples[a];

    self->tuples[a] = self->tuples[b];
    self->tuples[b] = kept;
}

void edits_step(struct edits *self)
{
    for (unsigned count = 1 + below(&self->random, 4); count > 0; count--)
        switch (below(&self->random, 12)) {
        case 0:
            swap_tuples(self);
            break;
        case 1:
            self->notes[below(&self->random, 2)] = next(&self->random);
            break;
        case 2:
            self->extension = next(&self->random);
            break;
        case 3:
        case 4:
        case 5:
            change_part(self, &self->person);
            break;
        case 6:
        case 7:
            change_part(self, &self->devices[below(&self->random, EDITS_DEVICES)]);
            break;
        default:
            change_part(self, &self->tuples[below(&self->random, EDITS_TUPLES)]);
            break;
        }
}
