/* caps.c - the tables of RFC 5196: user agent capabilities, whose parts stand in a fixed order. */
#include "pidf/schema.h"

/* clang-format off */

/* Most capabilities are two lists of names: what is supported, and what is not. */
#define LISTS(noun, words)                                                                       \
    static const struct slot noun##_names[] = {                                                  \
        {.names = (words), .rank = 0, .shape = &schema_string, .ordered = true},                 \
        {.names = NULL, .rank = SCHEMA_RANKS_MAX - 1},                                           \
    };                                                                                           \
    static const struct shape noun##_list = {SLOTS(noun##_names)};                               \
    static const struct slot noun##_slots[] = {                                                  \
        {.names = "supported notsupported", .shape = &noun##_list, .ordered = true},             \
    };                                                                                           \
    static const struct shape noun = {SLOTS(noun##_slots)}

/* Two of them are lists of values: at least one. */
#define VALUES(noun, word)                                                                       \
    static const struct slot noun##_names[] = {                                                  \
        {.names = (word), .rank = 0, .shape = &schema_string, .required = true},                 \
    };                                                                                           \
    static const struct shape noun##_list = {SLOTS(noun##_names)};                               \
    static const struct slot noun##_slots[] = {                                                  \
        {.names = "supported notsupported", .shape = &noun##_list, .ordered = true},             \
    };                                                                                           \
    static const struct shape noun = {SLOTS(noun##_slots)}

LISTS(actor, "attendant information msg-taker principal");
LISTS(class_of_service, "business personal");
LISTS(duplex, "full half receive-only send-only");
LISTS(event_packages, "conference dialog kpml message-summary poc-settings presence reg refer "
                      "Siemens-RTP-Stats spirits-INDPs spirits-user-prof winfo");
LISTS(extensions, "rel100 early-session eventlist from-change gruu hist-info join norefersub path "
                  "precondition pref privacy recipient-list-invite recipient-list-subscribe "
                  "replaces resource-priority sdp-anat sec-agree tdialog timer");
LISTS(methods, "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER "
               "SUBSCRIBE UPDATE");
LISTS(mobility, "fixed mobile");
VALUES(languages, "l");
VALUES(schemes, "s");

static const struct shape boolean = {.text = VALUE_BOOLEAN};

/* "higherhan" is how the RFC's schema spells it. */
static const struct attribute_shape value_attribute[] = {
    {VOCABULARY_ABSENT, "value", VALUE_INTEGER, true}};
static const struct attribute_shape min_attribute[] = {
    {VOCABULARY_ABSENT, "minvalue", VALUE_INTEGER, true}};
static const struct attribute_shape max_attribute[] = {
    {VOCABULARY_ABSENT, "maxvalue", VALUE_INTEGER, true}};
static const struct attribute_shape range_attributes[] = {
    {VOCABULARY_ABSENT, "minvalue", VALUE_INTEGER, true},
    {VOCABULARY_ABSENT, "maxvalue", VALUE_INTEGER, true}};
static const struct shape equals = {.empty = true, ATTRIBUTES(value_attribute)};
static const struct shape higher_than = {.empty = true, ATTRIBUTES(min_attribute)};
static const struct shape lower_than = {.empty = true, ATTRIBUTES(max_attribute)};
static const struct shape range = {.empty = true, ATTRIBUTES(range_attributes)};
static const struct slot priority_names[] = {
    {.names = "equals", .rank = 0, .shape = &equals},
    {.names = "higherhan", .rank = 1, .shape = &higher_than},
    {.names = "lowerthan", .rank = 2, .shape = &lower_than},
    {.names = "range", .rank = 3, .shape = &range},
    {.names = NULL, .rank = 4},
};
static const struct shape priority_list = {SLOTS(priority_names)};
static const struct slot priority_slots[] = {
    {.names = "supported notsupported", .shape = &priority_list, .ordered = true},
};
static const struct shape priority = {SLOTS(priority_slots)};

static const struct slot servcaps_slots[] = {
    {.names = "actor", .rank = 0, .max = 1, .shape = &actor},
    {.names = "application audio automata", .rank = 1, .shape = &boolean, .ordered = true},
    {.names = "class", .rank = 4, .max = 1, .shape = &class_of_service},
    {.names = "control data", .rank = 5, .shape = &boolean, .ordered = true},
    {.names = "description", .rank = 7, .shape = &schema_other},
    {.names = "duplex", .rank = 8, .max = 1, .shape = &duplex},
    {.names = "event-packages", .rank = 9, .max = 1, .shape = &event_packages},
    {.names = "extensions", .rank = 10, .max = 1, .shape = &extensions},
    {.names = "isfocus message", .rank = 11, .shape = &boolean, .ordered = true},
    {.names = "methods", .rank = 13, .max = 1, .shape = &methods},
    {.names = "languages", .rank = 14, .max = 1, .shape = &languages},
    {.names = "priority", .rank = 15, .max = 1, .shape = &priority},
    {.names = "schemes", .rank = 16, .max = 1, .shape = &schemes},
    {.names = "text", .rank = 17, .max = 1, .shape = &boolean},
    {.names = "type", .rank = 18, .shape = &schema_string},
    {.names = "video", .rank = 19, .max = 1, .shape = &boolean},
    {.names = NULL, .rank = 20},
};
static const struct shape servcaps = {SLOTS(servcaps_slots), .any_attribute = true};

static const struct slot devcaps_slots[] = {
    {.names = "description", .rank = 0, .shape = &schema_other},
    {.names = "mobility", .rank = 1, .max = 1, .shape = &mobility},
    {.names = NULL, .rank = 2},
};
static const struct shape devcaps = {SLOTS(devcaps_slots), .any_attribute = true};
/* clang-format on */

const struct shape *caps_shape(const char *local)
{
    if (strcmp(local, "servcaps") == 0)
        return &servcaps;
    return strcmp(local, "devcaps") == 0 ? &devcaps : NULL;
}
