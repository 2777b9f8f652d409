/* rpid.c - the tables of RFC 4480 (rich presence), 4481 (timed status) and 4482 (contact). */
#include "pidf/schema.h"

/* Activities, moods and places may be said for a time, and may be named. */
static const struct attribute_shape from_until_id[] = {
    {VOCABULARY_ABSENT, "from", VALUE_DATE_TIME, false},
    {VOCABULARY_ABSENT, "until", VALUE_DATE_TIME, false},
    {VOCABULARY_ABSENT, "id", VALUE_ID, false},
};

/* clang-format off */

/* ---- RFC 4480 section 3.2 ---- */

static const struct slot activities_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "unknown", .rank = 1, .max = 1, .shape = &schema_empty, .alone = true},
    {.names = "appointment away breakfast busy dinner holiday in-transit looking-for-work meal "
              "meeting on-the-phone performance permanent-absence playing presentation shopping "
              "sleeping spectator steering travel tv vacation working worship",
     .rank = 2, .shape = &schema_empty},
    {.names = "other", .rank = 2, .shape = &schema_other},
    {.names = NULL, .rank = 2},
};
static const struct shape activities = {
    SLOTS(activities_slots), ATTRIBUTES(from_until_id), .any_attribute = true};

/* ---- section 3.3 ---- */

static const struct shape class_shape = {.text = VALUE_TOKEN};

/* ---- section 3.4 ---- */

static const struct slot mood_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "unknown", .rank = 1, .max = 1, .shape = &schema_empty, .alone = true},
    {.names = "afraid amazed angry annoyed anxious ashamed bored brave calm cold confused "
              "contented cranky curious depressed disappointed disgusted distracted embarrassed "
              "excited flirtatious frustrated grumpy guilty happy hot humbled humiliated hungry "
              "hurt impressed in_awe in_love indignant interested invincible jealous lonely mean "
              "moody nervous neutral offended playful proud relieved remorseful restless sad "
              "sarcastic serious shocked shy sick sleepy stressed surprised thirsty worried",
     .rank = 2, .shape = &schema_empty},
    {.names = "other", .rank = 2, .shape = &schema_other},
    {.names = NULL, .rank = 2},
};
static const struct shape mood = {SLOTS(mood_slots), ATTRIBUTES(from_until_id),
    .any_attribute = true, .needs_one = true, .filler = "unknown"};

/* ---- section 3.5: for audio, video and text, whether the place suits ---- */

static const struct slot audio_slots[] = {
    {.names = "noisy ok quiet unknown", .rank = 1, .max = 1, .shape = &schema_empty}};
static const struct slot video_slots[] = {
    {.names = "toobright ok dark unknown", .rank = 1, .max = 1, .shape = &schema_empty}};
static const struct slot text_slots[] = {
    {.names = "uncomfortable inappropriate ok unknown", .rank = 1, .max = 1,
     .shape = &schema_empty}};
static const struct shape audio = {SLOTS(audio_slots), .needs_one = true};
static const struct shape video = {SLOTS(video_slots), .needs_one = true};
static const struct shape text = {SLOTS(text_slots), .needs_one = true};
static const struct slot place_is_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "audio", .rank = 1, .max = 1, .shape = &audio},
    {.names = "video", .rank = 2, .max = 1, .shape = &video},
    {.names = "text", .rank = 3, .max = 1, .shape = &text},
};
static const struct shape place_is = {
    SLOTS(place_is_slots), ATTRIBUTES(from_until_id), .any_attribute = true};

/* ---- section 3.6: the places themselves are RFC 4589's, another namespace ---- */

static const struct slot place_type_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "other", .rank = 1, .max = 1, .shape = &schema_other},
    {.names = NULL, .rank = 1},
};
static const struct shape place_type = {SLOTS(place_type_slots), ATTRIBUTES(from_until_id),
    .any_attribute = true, .pick_one = true, .needs_one = true};

/* ---- section 3.7 ---- */

static const struct slot privacy_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "unknown", .rank = 1, .max = 1, .shape = &schema_empty, .alone = true},
    {.names = "audio text video", .rank = 2, .shape = &schema_empty, .ordered = true},
    {.names = NULL, .rank = 5},
};
static const struct shape privacy = {SLOTS(privacy_slots), ATTRIBUTES(from_until_id),
    .any_attribute = true, .needs_one = true, .filler = "unknown"};

/* ---- section 3.8 ---- */

static const struct slot relationship_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "assistant associate family friend self supervisor unknown", .rank = 1, .max = 1,
     .shape = &schema_empty},
    {.names = "other", .rank = 1, .max = 1, .shape = &schema_other},
    {.names = NULL, .rank = 1},
};
static const struct shape relationship = {SLOTS(relationship_slots), .pick_one = true,
    .needs_one = true, .filler = "unknown"};

/* ---- section 3.9 ---- */

static const struct slot service_class_slots[] = {
    {.names = "note", .rank = 0, .shape = &schema_note},
    {.names = "courier electronic freight in-person postal unknown", .rank = 1, .max = 1,
     .shape = &schema_empty},
    {.names = NULL, .rank = 1},
};
static const struct shape service_class = {SLOTS(service_class_slots), .pick_one = true,
    .needs_one = true, .filler = "unknown"};

/* ---- section 3.10: the RFC's own example puts text here, which its schema does not allow ---- */

static const struct slot sphere_slots[] = {
    {.names = "home work unknown", .rank = 1, .max = 1, .shape = &schema_empty},
    {.names = NULL, .rank = 1},
};
static const struct shape sphere = {SLOTS(sphere_slots), ATTRIBUTES(from_until_id),
    .any_attribute = true, .pick_one = true, .needs_one = true};

/* ---- sections 3.11 to 3.13 ---- */

static const struct shape status_icon = {
    .text = VALUE_URI, ATTRIBUTES(from_until_id), .any_attribute = true};

static const struct attribute_shape time_offset_attributes[] = {
    {VOCABULARY_ABSENT, "from", VALUE_DATE_TIME, false},
    {VOCABULARY_ABSENT, "until", VALUE_DATE_TIME, false},
    {VOCABULARY_ABSENT, "description", VALUE_STRING, false},
    {VOCABULARY_ABSENT, "id", VALUE_ID, false},
};
static const struct shape time_offset = {
    .text = VALUE_INTEGER, ATTRIBUTES(time_offset_attributes), .any_attribute = true};

static const struct attribute_shape user_input_attributes[] = {
    {VOCABULARY_ABSENT, "idle-threshold", VALUE_POSITIVE, false},
    {VOCABULARY_ABSENT, "last-input", VALUE_DATE_TIME, false},
    {VOCABULARY_ABSENT, "id", VALUE_ID, false},
};
static const struct shape user_input = {
    .text = VALUE_ACTIVE_IDLE, ATTRIBUTES(user_input_attributes), .any_attribute = true};

/* ---- RFC 4481 section 3 ---- */

static const struct shape basic = {.text = VALUE_OPEN_CLOSED};
static const struct slot timed_status_slots[] = {
    {.names = "basic", .rank = 0, .max = 1, .shape = &basic},
    {.names = "note", .rank = 1, .max = 1, .shape = &schema_note},
    {.names = NULL, .rank = 2},
};
static const struct attribute_shape timed_status_attributes[] = {
    {VOCABULARY_ABSENT, "from", VALUE_DATE_TIME, true},
    {VOCABULARY_ABSENT, "until", VALUE_DATE_TIME, false},
};
static const struct shape timed_status = {
    SLOTS(timed_status_slots), ATTRIBUTES(timed_status_attributes)};

/* ---- by name ---- */

static const struct { const char *local; const struct shape *shape; } rpid_shapes[] = {
    {"activities", &activities}, {"class", &class_shape}, {"mood", &mood},
    {"place-is", &place_is}, {"place-type", &place_type}, {"privacy", &privacy},
    {"relationship", &relationship}, {"service-class", &service_class}, {"sphere", &sphere},
    {"status-icon", &status_icon}, {"time-offset", &time_offset}, {"user-input", &user_input},
};
/* clang-format on */

const struct shape *rpid_shape(const char *local)
{
    for (size_t i = 0; i < COUNT_OF(rpid_shapes); i++)
        if (strcmp(rpid_shapes[i].local, local) == 0)
            return rpid_shapes[i].shape;
    return NULL;
}

const struct shape *cipid_shape(const char *local)
{
    static const char *const uris[] = {"card", "homepage", "icon", "map", "sound"};

    for (size_t i = 0; i < COUNT_OF(uris); i++)
        if (strcmp(uris[i], local) == 0)
            return &schema_uri;
    return strcmp(local, "display-name") == 0 ? &schema_string : NULL;
}

const struct shape *timed_status_shape(const char *local)
{
    return strcmp(local, "timed-status") == 0 ? &timed_status : NULL;
}
