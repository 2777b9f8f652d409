/* need.c - the required parts of RFC 3863, 4479 to 4481, 5196, 4119, 3858, 4235 and 3680. */
#include "pidf/filter/need.h"

#define PIDF "urn:ietf:params:xml:ns:pidf"
#define DATA_MODEL "urn:ietf:params:xml:ns:pidf:data-model"
#define RPID "urn:ietf:params:xml:ns:pidf:rpid"
#define TIMED_STATUS "urn:ietf:params:xml:ns:pidf:timed-status"
#define CIPID "urn:ietf:params:xml:ns:pidf:cipid"
#define CAPS "urn:ietf:params:xml:ns:pidf:caps"
#define GEOPRIV "urn:ietf:params:xml:ns:pidf:geopriv10"
#define WATCHERINFO "urn:ietf:params:xml:ns:watcherinfo"
#define DIALOG_INFO "urn:ietf:params:xml:ns:dialog-info"
#define REGINFO "urn:ietf:params:xml:ns:reginfo"

/* clang-format off */
static const char *const known[] = {PIDF, DATA_MODEL, RPID, TIMED_STATUS, CIPID, CAPS, GEOPRIV,
                                    WATCHERINFO, DIALOG_INFO, REGINFO};

static const struct need needs[] = {
    {PIDF, NULL, "presence", "entity", NULL, NULL},
    {PIDF, NULL, "tuple", "id", "status", NULL},
    {PIDF, NULL, "status", NULL, NULL, ""}, /* RFC 3863 section 4.1.3, not the schema */

    {DATA_MODEL, NULL, "person", "id", NULL, NULL},
    {DATA_MODEL, NULL, "device", "id", "deviceID", NULL},

    {RPID, NULL, "mood", NULL, NULL, "note"},
    {RPID, NULL, "place-type", NULL, NULL, "note"},
    {RPID, NULL, "privacy", NULL, NULL, "note"},
    {RPID, NULL, "relationship", NULL, NULL, "note"},
    {RPID, NULL, "service-class", NULL, NULL, "note"},
    {RPID, NULL, "sphere", NULL, NULL, ""},
    {RPID, "place-is", "audio", NULL, NULL, ""},
    {RPID, "place-is", "video", NULL, NULL, ""},
    {RPID, "place-is", "text", NULL, NULL, ""},

    {TIMED_STATUS, NULL, "timed-status", "from", NULL, NULL},

    {CAPS, "languages", "supported", NULL, "l", NULL},
    {CAPS, "languages", "notsupported", NULL, "l", NULL},
    {CAPS, "schemes", "supported", NULL, "s", NULL},
    {CAPS, "schemes", "notsupported", NULL, "s", NULL},
    {CAPS, NULL, "equals", "value", NULL, NULL},
    {CAPS, NULL, "higherhan", "minvalue", NULL, NULL},
    {CAPS, NULL, "lowerthan", "maxvalue", NULL, NULL},
    {CAPS, NULL, "range", "minvalue maxvalue", NULL, NULL},

    {GEOPRIV, NULL, "geopriv", NULL, "location-info usage-rules", NULL},
    {GEOPRIV, NULL, "provided-by", NULL, NULL, ""},

    {WATCHERINFO, NULL, "watcherinfo", "version state", NULL, NULL},
    {WATCHERINFO, NULL, "watcher-list", "resource package", NULL, NULL},
    {WATCHERINFO, NULL, "watcher", "status event id", NULL, NULL},

    {DIALOG_INFO, NULL, "dialog-info", "version state entity", NULL, NULL},
    {DIALOG_INFO, NULL, "dialog", "id", "state", NULL},
    {DIALOG_INFO, NULL, "replaces", "call-id local-tag remote-tag", NULL, NULL},
    {DIALOG_INFO, NULL, "route-set", NULL, "hop", NULL},
    {DIALOG_INFO, NULL, "target", "uri", NULL, NULL},
    {DIALOG_INFO, NULL, "param", "pname pval", NULL, NULL},
    {DIALOG_INFO, NULL, "session-description", "type", NULL, NULL},

    {REGINFO, NULL, "reginfo", "version state", NULL, NULL},
    {REGINFO, NULL, "registration", "aor id state", NULL, NULL},
    {REGINFO, NULL, "contact", "id state event", "uri", NULL},
    {REGINFO, NULL, "unknown-param", "name", NULL, NULL},
};
/* clang-format on */

static bool same(const char *a, const char *b)
{
    return b != NULL && strcmp(a, b) == 0;
}

const struct need *need_of(const char *uri, const char *parent, const char *local)
{
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if (same(needs[i].local, local) && same(needs[i].uri, uri) &&
            (needs[i].parent == NULL || same(needs[i].parent, parent)))
            return &needs[i];
    return NULL;
}

bool need_knows(const char *uri)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (same(known[i], uri))
            return true;
    return false;
}
