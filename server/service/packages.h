/* packages.h - the event packages of this server; each is one file, package_*.c. */
#ifndef SERVICE_PACKAGES_H
#define SERVICE_PACKAGES_H

#include "pidf/pidf.h"
#include "server/service/event_package.h"
#include "server/state/state.h"

/** Each borrows `state` and copies `limits`, which hold for what is published. */
struct event_package *package_presence_new(const struct state *state,
                                           const struct pidf_limits *limits);
struct event_package *package_dialog_new(const struct state *state,
                                         const struct pidf_limits *limits);
struct event_package *package_message_summary_new(const struct state *state);
struct event_package *package_reg_new(const struct state *state);

/** Watcher information (RFC 3857) about `watched`, which it borrows: "presence.winfo". */
struct event_package *package_watcherinfo_new(const struct state *state,
                                              const struct event_package *watched);

/** All of them; free with packages_free(). */
void packages_make(struct event_packages *out, const struct state *state,
                   const struct pidf_limits *limits);
void packages_free(struct event_packages *self);

/* What several packages have in common. */

/** A compose_closed() of documents that list things: an empty one says nothing of anybody. */
void package_compose_nothing(const struct event_package *self, const struct resource *resource,
                             const struct view_key *key, struct parts *out);

/** An end() of a package that holds nothing but itself. */
void package_end_plain(struct event_package *self);

/** "sip:" and an AOR, or the resource's: its URI in documents. `octets` holds it. */
enum { ENTITY_BYTES = SIP_AOR_BYTES_MAX + 8 };
struct span package_uri(struct span aor, char octets[ENTITY_BYTES]);
struct span package_entity(const struct resource *resource, char octets[ENTITY_BYTES]);

#endif
