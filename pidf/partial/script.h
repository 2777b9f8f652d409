/* script.h - a <pidf-diff> while it is written: selectors, patches, declarations (RFC 5261). */
#ifndef PIDF_PARTIAL_SCRIPT_H
#define PIDF_PARTIAL_SCRIPT_H

#include "pidf/partial/context.h"

enum { SCRIPT_BINDINGS_MAX = 63 };

/** A selector as it grows: the root is an asterisk, for watchers call it by either name. */
struct path {
    const struct path *parent;
    const struct tree_node *element; /* its name, when `named`; else an asterisk */
    bool named;
    struct span id;    /* [@id='...'] */
    uint64_t position; /* [2]; 0 for none */
};

/**
 * The patches, and what they need around them. Prefixes are those of the two documents, so that
 * what is copied keeps its names whoever applies it (the first rule of RFC 5261 section 4.2.3).
 */
struct script {
    struct buffer *out; /* the patches, without what is around them */
    char prefix[PARTIAL_PREFIX_BYTES];
    struct declaration bindings[SCRIPT_BINDINGS_MAX]; /* of both roots */
    size_t binding_count;
    uint64_t used; /* one bit per binding */
};

/** Takes over what a root declares. False when it contradicts what was taken over, or too many. */
bool script_bind(struct script *self, const struct tree_node *root);

/** When both roots are bound: a prefix for the patches themselves. */
void script_pick_prefix(struct script *self);

/** Whether a selector can say the name. */
bool script_can_say(const struct script *self, const struct name *name, bool is_attribute);

/** Begins a patch up to and with the path; what follows ends the value of `sel`. */
void script_begin(struct script *self, const char *operation, const struct path *path);
void script_end(struct script *self, const char *operation);

void script_put_name(struct script *self, const struct name *name, bool is_attribute);
void script_put_node(struct script *self, const struct tree_node *node);

/** Whole patches. */
void script_put_replace(struct script *self, const struct path *path, const struct tree_node *by);
void script_put_remove(struct script *self, const struct path *path);

/** Appends the whole document to `out`, which is not that of the patches; see pidf_diff(). */
void script_put_document(const struct script *self, const struct tree_node *to, struct buffer *out,
                         size_t *version_at);

#endif
