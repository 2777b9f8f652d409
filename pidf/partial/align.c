/* align.c - the longest common subsequence of children, weighted by how alike they are. */
#include "pidf/partial/align.h"

#include "server/base/crypto.h"

/* An equal child costs nothing; one with the same id little; any other of that name maybe a lot. */
enum { WEIGHT_EQUAL = 8, WEIGHT_SAME_ID = 6, WEIGHT_SAME_NAME = 2 };

struct tree_row tree_row_of(const struct tree_node *self, struct scratch *scratch)
{
    struct tree_row row = {0};

    for (const struct tree_node *child = self->first; child != NULL; child = child->next)
        row.count += child->kind == TREE_ELEMENT;
    row.at = scratch_alloc(scratch, (row.count + 1) * sizeof(struct tree_node *));
    row.count = 0;
    for (struct tree_node *child = self->first; child != NULL; child = child->next)
        if (child->kind == TREE_ELEMENT)
            row.at[row.count++] = child;
    return row;
}

/* ---- being the same ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * UINT64_C(0x9e3779b97f4a7c15) + (a >> 29);
}

static uint64_t name_hash(const struct name *name, const uint64_t key[2])
{
    if (name->local == NULL)
        return 0;
    return mix(hash64(key, span_of(name->prefix)), hash64(key, span_of(name->local)));
}

void tree_node_hash(struct tree_node *self, const uint64_t key[2])
{
    uint64_t hash = mix((uint64_t)self->kind, hash64(key, self->text));

    hash = mix(hash, name_hash(&self->name, key));
    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        hash = mix(mix(hash, name_hash(&attribute->name, key)), hash64(key, attribute->value));
    for (struct tree_node *child = self->first; child != NULL; child = child->next) {
        tree_node_hash(child, key);
        hash = mix(hash, child->hash);
    }
    self->hash = hash;
}

static bool name_equal(const struct name *a, const struct name *b)
{
    if (a->local == NULL || b->local == NULL)
        return a->local == b->local;
    return name_is_of(a, name_uri(b), b->local) && prefix_equal(a->prefix, b->prefix);
}

bool tree_node_same_name(const struct tree_node *a, const struct tree_node *b)
{
    return a->kind == b->kind && name_equal(&a->name, &b->name);
}

static bool attributes_equal(const struct attribute *a, const struct attribute *b)
{
    while (a != NULL && b != NULL && name_equal(&a->name, &b->name) &&
           span_equal(a->value, b->value)) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

static bool declarations_equal(const struct declaration *a, const struct declaration *b)
{
    while (a != NULL && b != NULL && prefix_equal(a->prefix, b->prefix) &&
           strcmp(a->uri, b->uri) == 0) {
        a = a->next;
        b = b->next;
    }
    return a == NULL && b == NULL;
}

bool tree_node_equal(const struct tree_node *a, const struct tree_node *b)
{
    const struct tree_node *in_a = a->first, *in_b = b->first;

    if (a->hash != b->hash || !tree_node_same_name(a, b) || !span_equal(a->text, b->text) ||
        !attributes_equal(a->attributes, b->attributes) ||
        !declarations_equal(a->declarations, b->declarations))
        return false;
    while (in_a != NULL && in_b != NULL && tree_node_equal(in_a, in_b)) {
        in_a = in_a->next;
        in_b = in_b->next;
    }
    return in_a == NULL && in_b == NULL;
}

struct span tree_node_id(const struct tree_node *self)
{
    for (const struct attribute *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next)
        if (attribute->name.prefix == NULL && strcmp(attribute->name.local, "id") == 0)
            return attribute->value;
    return (struct span){0};
}

/* By hash: who is wrongly taken for equal is found out when the pair is compared. */
static unsigned weight(const struct tree_node *a, const struct tree_node *b)
{
    struct span id = tree_node_id(a);

    if (a->hash == b->hash)
        return WEIGHT_EQUAL;
    if (!tree_node_same_name(a, b) || !span_equal(id, tree_node_id(b)))
        return 0;
    return span_empty(id) ? WEIGHT_SAME_NAME : WEIGHT_SAME_ID;
}

/* ---- the table ---- */

/* `best[i * (b.count + 1) + j]`: the weight of the best way to pair what is behind i and j. */
static void fill(struct tree_row a, struct tree_row b, uint32_t best[])
{
    size_t width = b.count + 1;

    for (size_t i = a.count; i-- > 0;)
        for (size_t j = b.count; j-- > 0;) {
            uint32_t skip_a = best[(i + 1) * width + j], skip_b = best[i * width + j + 1];
            unsigned pair = weight(a.at[i], b.at[j]);
            uint32_t most = skip_a > skip_b ? skip_a : skip_b;

            if (pair > 0 && best[(i + 1) * width + j + 1] + pair > most)
                most = best[(i + 1) * width + j + 1] + pair;
            best[i * width + j] = most;
        }
}

static void follow(struct tree_row a, struct tree_row b, const uint32_t best[], size_t offset,
                   ptrdiff_t partners[])
{
    size_t width = b.count + 1, i = 0, j = 0;

    while (i < a.count && j < b.count) {
        uint32_t here = best[i * width + j];

        if (here == best[(i + 1) * width + j])
            i++;
        else if (here == best[i * width + j + 1])
            j++;
        else
            partners[i++] = (ptrdiff_t)(offset + j++);
    }
}

bool align(struct tree_row a, struct tree_row b, struct scratch *scratch, size_t *cells,
           ptrdiff_t partners[])
{
    size_t same = 0, cost;
    uint32_t *best;

    for (size_t i = 0; i < a.count; i++)
        partners[i] = -1;
    while (same < a.count && same < b.count && a.at[same]->hash == b.at[same]->hash) {
        partners[same] = (ptrdiff_t)same;
        same++;
    }
    while (a.count > same && b.count > same && a.at[a.count - 1]->hash == b.at[b.count - 1]->hash)
        partners[--a.count] = (ptrdiff_t)--b.count;
    a = (struct tree_row){a.at + same, a.count - same};
    b = (struct tree_row){b.at + same, b.count - same};
    if (a.count == 0 || b.count == 0)
        return true;
    cost = (a.count + 1) * (b.count + 1);
    if (cost > *cells)
        return false;
    *cells -= cost;
    best = scratch_alloc(scratch, cost * sizeof(best[0]));
    fill(a, b, best);
    follow(a, b, best, same, partners + same);
    return true;
}
