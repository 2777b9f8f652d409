/* patch_selector.h - the part of XPath that patches point with (RFC 5261 sections 4.1, 4.2 and 8).
 */
#ifndef PIDF_PARTIAL_PATCH_SELECTOR_H
#define PIDF_PARTIAL_PATCH_SELECTOR_H

#include "pidf/partial/tree.h"

enum { PATCH_SELECTOR_STEPS_MAX = 32, PATCH_SELECTOR_PREDICATES_MAX = 8 };

enum predicate_kind {
    PREDICATE_POSITION,  /* [2] */
    PREDICATE_ATTRIBUTE, /* [@id='x'] */
    PREDICATE_CHILD,     /* [basic='open'] */
    PREDICATE_SELF,      /* [.='open'] */
};

struct predicate {
    enum predicate_kind kind;
    struct name name;
    struct span value;
    uint64_t position;
};

enum step_kind {
    STEP_ELEMENT, /* `name`, or with `any` an asterisk */
    STEP_TEXT,
    STEP_COMMENT,
    STEP_INSTRUCTION, /* `target`, or with `any` every one */
    STEP_ATTRIBUTE,
    STEP_NAMESPACE, /* `target` is the prefix */
};

struct step {
    enum step_kind kind;
    bool any;
    struct name name;
    const char *target;
    struct predicate predicates[PATCH_SELECTOR_PREDICATES_MAX];
    size_t predicate_count;
};

struct patch_selector {
    bool by_id; /* begins with id() instead of at the root */
    struct span id;
    struct step steps[PATCH_SELECTOR_STEPS_MAX];
    size_t step_count;
};

/**
 * Reads the value of a `sel` attribute. Prefixes are those in scope at `patch`, the element that
 * has it, and a name without prefix is in its default namespace (RFC 5261 section 4.2.1).
 * Borrows `text` and the tree of `patch`; strings of its own lie in `scratch`.
 *
 * Returns NULL or the phrase of the fault.
 */
const char *patch_selector_parse(struct span text, const struct tree_node *patch,
                                 struct scratch *scratch, struct patch_selector *out);

/**
 * Reads the value of a `type` attribute (RFC 5261 section 4.3): a step of kind STEP_ATTRIBUTE, with
 * the prefix as written, or STEP_NAMESPACE.
 */
const char *patch_selector_parse_type(struct span text, const struct tree_node *patch,
                                      struct scratch *scratch, struct step *out);

#endif
