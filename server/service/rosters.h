/* rosters.h - the inside of rosters, for roster.c, roster_member.c and roster_body.c. */
#ifndef SERVICE_ROSTERS_H
#define SERVICE_ROSTERS_H

#include "server/service/list_members.h"
#include "server/service/roster.h"

struct member {
    struct list look;  /* among those who look at its resource */
    struct list dirty; /* among those of its roster to be told, or being told */
    struct roster *roster;
    struct resource *resource; /* NULL: there is nothing to look at, `reason` says why */
    struct view *view;         /* NULL likewise, and while nothing may be shown */
    const char *reason;        /* why it is terminated; NULL while it is not */
    struct span uri;           /* as the list has it */
    struct span name;
    uint64_t tag;     /* of what it shows now */
    uint64_t told;    /* the tag that the watcher acknowledged; 0: none */
    uint64_t telling; /* the tag that is on its way */
    uint64_t judged;  /* the generation of rules */
    uint32_t number;  /* of its documents that were sent */
    bool pending;
};

struct roster {
    struct subscription *subscription;
    struct member *members;
    size_t count;
    struct list dirty;        /* to be told */
    struct list telling;      /* in the NOTIFY that is outstanding */
    struct list nesting;      /* among those whose members come from lists within lists */
    struct list stale;        /* among those to be rebuilt */
    uint64_t judged;          /* the generation of rules */
    uint64_t filter;          /* a hash of the one by which members were judged */
    uint64_t tag;             /* of all that it shows */
    bool told;                /* by this process: what was told before nobody knows */
    struct buffer type;       /* Content-Type of the last body */
    struct list_members list; /* texts of members lie here */
};

struct rosters {
    const struct content *content;
    struct resource_list_reader *reader;
    struct roster_options options;
    roster_owed_fn *on_owed;
    void *context;
    struct buffer body;
    struct buffer documents; /* of the members that one body tells */
    struct list nesting;     /* rosters */
    uint64_t *full;
};

/** The event package that a list is watched in. */
const struct event_package *roster_package(const struct rosters *self, const struct roster *roster);

/* ---- roster_member.c ---- */

/** Lets a new member look at its resource, and judges it. One beyond the limit is only seen. */
void roster_member_attach(struct rosters *self, struct member *member, bool within_limit);
void roster_member_detach(struct member *member);

/** Judges it where the rules may have changed: chooses what it shows. */
void roster_member_judge(const struct rosters *self, struct member *member);

/** True when it has something to tell that was not told, nor is being told. */
bool roster_member_look(const struct rosters *self, struct member *member);

#endif
