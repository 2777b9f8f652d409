/* diff.c - walks two trees together and writes a patch wherever they part. */
#include "pidf/partial/diff.h"

#include "pidf/partial/align.h"
#include "pidf/partial/script.h"
#include "pidf/xml/escape.h"

/* Of all tables of align.c together: a megabyte. */
enum { CELLS_MAX = 1 << 18 };

struct differ {
    struct script script;
    struct scratch *scratch;
    size_t cells;
};

/* ---- attributes ---- */

static const struct attribute *find_attribute(const struct tree_node *element,
                                              const struct name *name)
{
    for (const struct attribute *attribute = element->attributes; attribute != NULL;
         attribute = attribute->next)
        if (name_is_of(&attribute->name, name_uri(name), name->local))
            return attribute;
    return NULL;
}

static void put_attribute_patch(struct differ *self, const char *operation, const struct path *path,
                                const struct attribute *attribute)
{
    bool is_add = strcmp(operation, "add") == 0;

    script_begin(&self->script, operation, path);
    buffer_put(self->script.out, is_add ? SPAN("\" type=\"@") : SPAN("/@"));
    script_put_name(&self->script, &attribute->name, true);
    if (strcmp(operation, "remove") == 0) {
        buffer_put(self->script.out, SPAN("\"/>"));
        return;
    }
    buffer_put(self->script.out, SPAN("\">"));
    escape_put_text(self->script.out, attribute->value);
    script_end(&self->script, operation);
}

/* False when a name cannot be said. */
static bool diff_attributes(struct differ *self, const struct tree_node *a,
                            const struct tree_node *b, const struct path *path)
{
    for (const struct attribute *old = a->attributes; old != NULL; old = old->next) {
        const struct attribute *new = find_attribute(b, &old->name);

        if (!script_can_say(&self->script, &old->name, true) ||
            (new != NULL && !prefix_equal(old->name.prefix, new->name.prefix)))
            return false;
        if (new == NULL)
            put_attribute_patch(self, "remove", path, old);
        else if (!span_equal(old->value, new->value))
            put_attribute_patch(self, "replace", path, new);
    }
    for (const struct attribute *new = b->attributes; new != NULL; new = new->next) {
        if (find_attribute(a, &new->name) != NULL)
            continue;
        if (!script_can_say(&self->script, &new->name, true))
            return false;
        put_attribute_patch(self, "add", path, new);
    }
    return true;
}

/* ---- children that are elements ---- */

/*
 * The children of one element while patches are applied from left to right: what stands left is
 * b's already, what stands right is still a's. So the next of a's stands at `done`.
 */
struct row {
    struct tree_row a;
    struct tree_row b;
    size_t left; /* of a, gone or kept */
    size_t done; /* of b */
    const struct path *parent;
};

static bool alike(const struct tree_node *a, const struct tree_node *b, bool by_name)
{
    return !by_name || name_is_of(&a->name, name_uri(&b->name), b->name.local);
}

/* How to call the first of a's that still stand; never ambiguous. */
static struct path path_of_next(struct differ *self, const struct row *row)
{
    const struct tree_node *element = row->a.at[row->left];
    struct path path = {.parent = row->parent, .element = element};
    uint64_t before = 0, after = 0, same_id = 0;

    path.named = script_can_say(&self->script, &element->name, false);
    path.id = tree_node_id(element);
    for (size_t i = 0; i < row->done; i++)
        if (alike(row->b.at[i], element, path.named)) {
            before++;
            same_id += span_equal(tree_node_id(row->b.at[i]), path.id);
        }
    for (size_t i = row->left + 1; i < row->a.count; i++)
        if (alike(row->a.at[i], element, path.named)) {
            after++;
            same_id += span_equal(tree_node_id(row->a.at[i]), path.id);
        }
    if (before + after == 0 || same_id > 0 || span_find(path.id, '\'') != NULL)
        path.id = (struct span){0};
    if (before + after > 0 && span_empty(path.id))
        path.position = before + 1;
    return path;
}

static bool diff_element(struct differ *self, const struct tree_node *a, const struct tree_node *b,
                         const struct path *path);

/* The shorter of two ways: patches inside of the element, or all of it anew. */
static void diff_pair(struct differ *self, struct row *row)
{
    const struct tree_node *a = row->a.at[row->left], *b = row->b.at[row->done];
    struct path path = path_of_next(self, row);
    size_t start = self->script.out->len, middle;
    uint64_t used_before = self->script.used, used_inside;
    /* Below declarations of its own, names mean what no patch outside of them can say. */
    bool inside = tree_node_same_name(a, b) && a->declarations == NULL && b->declarations == NULL &&
                  diff_element(self, a, b, &path);

    middle = self->script.out->len;
    used_inside = self->script.used;
    self->script.used = used_before;
    script_put_replace(&self->script, &path, b);
    if (self->script.out->overflowed)
        return;
    if (inside && middle - start <= self->script.out->len - middle) {
        buffer_cut(self->script.out, middle);
        self->script.used = used_inside;
        return;
    }
    memmove(self->script.out->at + start, self->script.out->at + middle,
            self->script.out->len - middle);
    buffer_cut(self->script.out, start + (self->script.out->len - middle));
}

/* Puts b's children up to `end_b` before the next of a's, all in one patch. */
static void insert(struct differ *self, struct row *row, size_t end_b)
{
    struct path next;

    if (row->done == end_b)
        return;
    if (row->left == row->a.count) {
        script_begin(&self->script, "add", row->parent);
        buffer_put(self->script.out, SPAN("\">"));
    } else if (row->done == 0) {
        script_begin(&self->script, "add", row->parent);
        buffer_put(self->script.out, SPAN("\" pos=\"prepend\">"));
    } else {
        next = path_of_next(self, row);
        script_begin(&self->script, "add", &next);
        buffer_put(self->script.out, SPAN("\" pos=\"before\">"));
    }
    while (row->done < end_b)
        script_put_node(&self->script, row->b.at[row->done++]);
    script_end(&self->script, "add");
}

/* Between two pairs: what is gone and what is new take each other's place as far as they go. */
static void fill_gap(struct differ *self, struct row *row, size_t end_a, size_t end_b)
{
    while (row->left < end_a) {
        struct path path = path_of_next(self, row);

        if (row->done < end_b)
            script_put_replace(&self->script, &path, row->b.at[row->done++]);
        else
            script_put_remove(&self->script, &path);
        row->left++;
    }
    insert(self, row, end_b);
}

static bool diff_rows(struct differ *self, const struct tree_node *a, const struct tree_node *b,
                      const struct path *path)
{
    struct row row = {
        .a = tree_row_of(a, self->scratch), .b = tree_row_of(b, self->scratch), .parent = path};
    ptrdiff_t *partners = scratch_alloc(self->scratch, (row.a.count + 1) * sizeof(partners[0]));

    if (!align(row.a, row.b, self->scratch, &self->cells, partners))
        return false;
    for (size_t i = 0; i < row.a.count; i++) {
        if (partners[i] < 0)
            continue;
        fill_gap(self, &row, i, (size_t)partners[i]);
        if (!tree_node_equal(row.a.at[row.left], row.b.at[row.done]))
            diff_pair(self, &row);
        row.left++;
        row.done++;
    }
    fill_gap(self, &row, row.a.count, row.b.count);
    return true;
}

/* ---- any children ---- */

static bool has_only(const struct tree_node *self, enum tree_kind kind)
{
    for (const struct tree_node *child = self->first; child != NULL; child = child->next)
        if (child->kind != kind)
            return false;
    return true;
}

/* Both have text or nothing inside. */
static void diff_text(struct differ *self, const struct tree_node *a, const struct tree_node *b,
                      const struct path *path)
{
    const char *operation = b->first == NULL ? "remove" : a->first == NULL ? "add" : "replace";

    if (a->first == b->first ||
        (a->first != NULL && b->first != NULL && span_equal(a->first->text, b->first->text)))
        return;
    script_begin(&self->script, operation, path);
    if (a->first != NULL)
        buffer_put(self->script.out, SPAN("/text()"));
    if (b->first == NULL) {
        buffer_put(self->script.out, SPAN("\"/>"));
        return;
    }
    buffer_put(self->script.out, SPAN("\">"));
    escape_put_text(self->script.out, b->first->text);
    script_end(&self->script, operation);
}

/* False when patches inside cannot say it; the element is then replaced whole. */
static bool diff_element(struct differ *self, const struct tree_node *a, const struct tree_node *b,
                         const struct path *path)
{
    if (!diff_attributes(self, a, b, path))
        return false;
    if (has_only(a, TREE_ELEMENT) && has_only(b, TREE_ELEMENT))
        return diff_rows(self, a, b, path);
    if (has_only(a, TREE_TEXT) && has_only(b, TREE_TEXT)) {
        diff_text(self, a, b, path);
        return true;
    }
    return false; /* text between elements, or comments: not what composed documents change in */
}

/* ---- the roots ---- */

/*
 * Names that are added need their namespace declared before (RFC 5261 section 4.3.3), and what is
 * in no use any more is gone from a document that is composed anew. The default namespace cannot
 * be patched, nor can a prefix that a watcher's <pidf-full> may have taken for itself.
 */
static bool declare_new(struct differ *self, const struct tree_node *a, const struct tree_node *b)
{
    for (const struct declaration *new = b->declarations; new != NULL; new = new->next) {
        if (tree_node_declaration(a, new->prefix) != NULL)
            continue;
        if (new->prefix == NULL || partial_prefix_is_ours(new->prefix))
            return false;
        buffer_printf(self->script.out, "<%s:add sel=\"*\" type=\"namespace::%s\">",
                      self->script.prefix, new->prefix);
        escape_put_text(self->script.out, span_of(new->uri));
        script_end(&self->script, "add");
    }
    return true;
}

static bool remove_old(struct differ *self, const struct tree_node *a, const struct tree_node *b)
{
    for (const struct declaration *old = a->declarations; old != NULL; old = old->next) {
        if (tree_node_declaration(b, old->prefix) != NULL)
            continue;
        if (old->prefix == NULL)
            return false;
        buffer_printf(self->script.out, "<%s:remove sel=\"*/namespace::%s\"/>", self->script.prefix,
                      old->prefix);
    }
    return true;
}

static bool diff_roots(struct differ *self, struct tree_node *a, struct tree_node *b)
{
    const struct path root = {.element = a};

    if (a->previous != NULL || a->next != NULL || b->previous != NULL || b->next != NULL ||
        !tree_node_same_name(a, b) || !script_bind(&self->script, a) ||
        !script_bind(&self->script, b))
        return false;
    script_pick_prefix(&self->script);
    return declare_new(self, a, b) && diff_element(self, a, b, &root) && remove_old(self, a, b);
}

/* ---- the document ---- */

bool pidf_diff(struct pidf_partial *self, struct span from, struct span to, struct buffer *out,
               size_t *version_at)
{
    /* What pidf_full() makes of `to` is so much longer. */
    static const size_t dress = sizeof(" version=\"\" xmlns:p=\"" PARTIAL_NAMESPACE "\"") - 1 +
                                2 * (sizeof("p:pidf-full") - sizeof("presence"));
    struct differ differ = {
        .script = {.out = &self->patches}, .scratch = &self->scratch, .cells = CELLS_MAX};
    struct tree_node *a, *b;
    size_t start = out->len;

    partial_begin(self);
    buffer_reset(&self->patches);
    if (partial_read(self, from, &a, NULL) != STATUS_OK ||
        partial_read(self, to, &b, NULL) != STATUS_OK)
        return false;
    a = tree_root(a);
    b = tree_root(b);
    tree_node_hash(a, self->key);
    tree_node_hash(b, self->key);
    if (!diff_roots(&differ, a, b) || self->patches.overflowed)
        return false;
    script_put_document(&differ.script, b, out, version_at);
    if (!out->overflowed && out->len - start < to.len + dress)
        return true;
    buffer_cut(out, start);
    return false;
}
