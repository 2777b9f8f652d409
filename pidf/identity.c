/* identity.c - tuples choose first, then the person, devices, and last what is inside of them. */
#include "pidf/identity.h"

#include "pidf/xml/seen.h"
#include "server/base/crypto.h"

#include <stdio.h>
#include <stdlib.h>

/* Not a secret: ids that are made up must be the same in every process. */
static const uint64_t made_key[2] = {0, 0};

enum { ID_SUFFIX_BYTES = 24 };

struct claim {
    struct span id;
    unsigned next; /* what to try behind "id-" when it is claimed again */
};

struct identity {
    struct scratch *scratch;
    const uint64_t *key;
    struct seen claims;
};

static struct claim *find_claim(const struct identity *self, struct span id, uint64_t hash)
{
    size_t at = 0;
    struct claim *claim;

    while ((claim = seen_next(&self->claims, hash, &at)) != NULL)
        if (span_equal(claim->id, id))
            return claim;
    return NULL;
}

static void add_claim(struct identity *self, struct span id, uint64_t hash)
{
    struct claim *claim = scratch_alloc(self->scratch, sizeof(*claim));

    *claim = (struct claim){id, 2};
    seen_add(&self->claims, self->scratch, hash, claim);
}

/* `wish` when it is free, else "wish-2", "wish-3" ... */
static struct span claim_id(struct identity *self, struct span wish)
{
    uint64_t hash = hash64(self->key, wish);
    struct claim *taken = find_claim(self, wish, hash);
    struct span id = wish;

    while (taken != NULL) {
        char suffix[ID_SUFFIX_BYTES];
        int length = snprintf(suffix, sizeof(suffix), "-%u", taken->next++);

        id = scratch_join(self->scratch, scratch_copy(self->scratch, wish),
                          (struct span){suffix, (size_t)length});
        hash = hash64(self->key, id);
        if (find_claim(self, id, hash) == NULL)
            break;
    }
    add_claim(self, id, hash);
    return id;
}

/* ---- tuples, persons, devices ---- */

struct contender {
    struct element *element;
    struct span contact;
    struct span device;
    size_t index;
};

static int compare_spans(struct span a, struct span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_contenders(const void *left, const void *right)
{
    const struct contender *a = left, *b = right;
    int order = compare_spans(a->contact, b->contact);

    if (order == 0)
        order = compare_spans(a->device, b->device);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static void settle_own(struct identity *self, const struct contender *contender, char letter)
{
    struct element *element = contender->element;
    struct attribute *id = element_attribute(element, VOCABULARY_ABSENT, "id");

    if (id == NULL) {
        uint64_t hash = hash64(made_key, contender->contact) ^ hash64(made_key, contender->device);
        char made[ID_SUFFIX_BYTES];
        int length = snprintf(made, sizeof(made), "%c%08x", letter, (unsigned)(hash & 0xffffffffU));

        id =
            element_attribute_add(element, self->scratch, VOCABULARY_ABSENT, "id",
                                  scratch_copy(self->scratch, (struct span){made, (size_t)length}));
        id->is_id = true;
    }
    id->value = claim_id(self, id->value);
}

static void settle_list(struct identity *self, const struct element_list *list, char letter)
{
    struct contender *contenders;
    size_t count = 0;

    for (const struct element *element = list->first; element != NULL; element = element->next)
        count++;
    if (count == 0)
        return;
    contenders = scratch_alloc(self->scratch, count * sizeof(contenders[0]));
    count = 0;
    for (struct element *element = list->first; element != NULL; element = element->next) {
        contenders[count] = (struct contender){
            .element = element,
            .contact = element_child_text(element, VOCABULARY_PIDF, "contact"),
            .device = element_child_text(element, VOCABULARY_DATA_MODEL, "deviceID"),
            .index = count,
        };
        count++;
    }
    qsort(contenders, count, sizeof(contenders[0]), compare_contenders);
    for (size_t i = 0; i < count; i++)
        settle_own(self, &contenders[i], letter);
}

/* ---- what is inside ---- */

static void settle_inner(struct identity *self, struct element *element)
{
    for (struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next)
        if (attribute->is_id)
            attribute->value = claim_id(self, attribute->value);
    for (struct element *child = element->first; child != NULL; child = child->next)
        settle_inner(self, child);
}

static void settle_children(struct identity *self, const struct element_list *list)
{
    for (struct element *element = list->first; element != NULL; element = element->next)
        for (struct element *child = element->first; child != NULL; child = child->next)
            settle_inner(self, child);
}

void identity_settle(struct document *document, struct scratch *scratch, const uint64_t key[2])
{
    struct identity self = {.scratch = scratch, .key = key};

    settle_list(&self, &document->tuples, 't');
    settle_list(&self, &document->persons, 'p');
    settle_list(&self, &document->devices, 'd');
    settle_children(&self, &document->tuples);
    settle_children(&self, &document->persons);
    settle_children(&self, &document->devices);
    for (struct element *element = document->extensions.first; element != NULL;
         element = element->next)
        settle_inner(&self, element);
}
