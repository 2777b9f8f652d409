/* cut.c - first what is kept, from the leaves up, then the bytes of it. */
#include "pidf/filter/cut.h"

#include "pidf/filter/need.h"

/* ---- what is kept ---- */

/* Selected itself: not only kept for what is inside. */
static bool is_wanted(const struct node *self)
{
    return self->included || self->within || self->alone;
}

static bool attribute_is_wanted(const struct node *attribute, const struct node *owner)
{
    const struct name *name = &attribute->attribute->name;

    if (attribute->included || owner->included || owner->within)
        return true;
    return owner->alone &&
           (name->vocabulary == VOCABULARY_ABSENT || name->vocabulary == VOCABULARY_XML ||
            name->uri == node_name(owner)->uri);
}

static bool keep(struct node *self);
static void settle(struct node *self);

/* The next of the words in a list, or the empty span. */
static struct span next_word(struct span *words)
{
    const char *blank = span_find(*words, ' ');
    struct span word = blank == NULL ? *words : span_between(words->at, blank);

    *words = span_skip(*words, word.len + 1);
    return word;
}

static bool is_named(const struct node *self, const char *uri, struct span local)
{
    const struct name *name = node_name(self);

    return span_equal(span_of(name->local), local) && span_equal(span_of(name->uri), span_of(uri));
}

/* Puts back what was left out; a step that excluded it is undone as a whole. */
static void restore(struct node *self)
{
    self->excluded = false;
    if (keep(self))
        return;
    self->kept = true;
    settle(self);
}

static void need_attributes(struct node *self, const struct need *need)
{
    struct span words = span_of(need->attributes);

    for (struct span word = next_word(&words); !span_empty(word); word = next_word(&words))
        for (struct node *attribute = self->attributes; attribute != NULL;
             attribute = attribute->next)
            attribute->kept = attribute->kept || is_named(attribute, NULL, word);
}

static void need_child(struct node *self, const char *uri, struct span local)
{
    struct node *candidate = NULL;

    for (struct node *child = self->first; child != NULL; child = child->next) {
        if (!is_named(child, uri, local))
            continue;
        if (child->kept)
            return;
        candidate = candidate == NULL ? child : candidate;
    }
    if (candidate != NULL)
        restore(candidate);
}

static void need_any_child(struct node *self, const char *uri, const char *but)
{
    struct node *candidate = NULL;

    for (struct node *child = self->first; child != NULL; child = child->next) {
        if (*but != '\0' && is_named(child, uri, span_of(but)))
            continue;
        if (child->kept)
            return;
        candidate = candidate == NULL ? child : candidate;
    }
    if (candidate != NULL)
        restore(candidate);
}

/*
 * Beside an element that is kept: the attributes and children that it cannot be without. Of one
 * whose schema we do not have, every attribute is kept that was not excluded.
 */
static void settle(struct node *self)
{
    const struct name *name = node_name(self);
    const char *parent = self->parent == NULL ? NULL : node_name(self->parent)->local;
    const struct need *need = need_of(name->uri, parent, name->local);
    struct span words;

    if (!need_knows(name->uri))
        for (struct node *attribute = self->attributes; attribute != NULL;
             attribute = attribute->next)
            attribute->kept = attribute->kept || !attribute->excluded;
    if (need == NULL)
        return;
    need_attributes(self, need);
    words = span_of(need->children);
    for (struct span word = next_word(&words); !span_empty(word); word = next_word(&words))
        need_child(self, name->uri, word);
    if (need->but != NULL)
        need_any_child(self, name->uri, need->but);
}

/* Asked again of what is restored, so it says everything anew. */
static bool keep(struct node *self)
{
    self->kept = is_wanted(self) && !self->excluded;
    if (self->excluded)
        return false;
    for (struct node *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next) {
        attribute->kept = !attribute->excluded && attribute_is_wanted(attribute, self);
        self->kept = self->kept || attribute->kept;
    }
    for (struct node *child = self->first; child != NULL; child = child->next) {
        child->within = self->included || self->within;
        if (keep(child))
            self->kept = true;
    }
    if (self->kept)
        settle(self);
    return self->kept;
}

/* Without the root there is no document, so it cannot be excluded. */
bool cut_decide(struct node *root)
{
    root->excluded = false;
    return keep(root);
}

/* ---- bytes ---- */

static void put_content(const struct node *self, struct buffer *out);

static struct span tag_name(const struct node *self)
{
    size_t len = 1;

    while (len < self->octets.len && strchr(" \t\r\n/>", self->octets.at[len]) == NULL)
        len++;
    return (struct span){self->octets.at + 1, len - 1};
}

static void put_attributes(const struct node *self, struct buffer *out)
{
    for (const struct node *attribute = self->attributes; attribute != NULL;
         attribute = attribute->next) {
        if (!attribute->kept)
            continue;
        buffer_put_char(out, ' ');
        buffer_put(out, attribute->octets);
    }
}

/* Appends the end of the start tag, what is inside, and the end tag. */
static void put_rest(const struct node *self, struct buffer *out)
{
    size_t before;

    buffer_put_char(out, '>');
    before = out->len;
    put_content(self, out);
    if (out->len == before && !out->overflowed) {
        buffer_cut(out, before - 1);
        buffer_put(out, SPAN("/>"));
        return;
    }
    buffer_put(out, SPAN("</"));
    buffer_put(out, tag_name(self));
    buffer_put_char(out, '>');
}

static void put_element(const struct node *self, struct buffer *out)
{
    buffer_put_char(out, '<');
    buffer_put(out, tag_name(self));
    for (const struct node_declaration *declaration = self->declarations; declaration != NULL;
         declaration = declaration->next) {
        buffer_put_char(out, ' ');
        buffer_put(out, declaration->octets);
    }
    put_attributes(self, out);
    put_rest(self, out);
}

/* Between children stands text of theirs, kept with an element that was asked for itself. */
static void put_gap(const struct node *self, const char *from, const char *to, struct buffer *out)
{
    if (is_wanted(self))
        buffer_put(out, span_between(from, to));
}

static void put_content(const struct node *self, struct buffer *out)
{
    const char *at = self->content.at;

    if (node_is_leaf(self)) { /* its value, without which it is hardly ever valid */
        buffer_put(out, self->content);
        return;
    }
    for (const struct node *child = self->first; child != NULL; child = child->next) {
        put_gap(self, at, child->octets.at, out);
        if (child->kept)
            put_element(child, out);
        at = child->octets.at + child->octets.len;
    }
    put_gap(self, at, self->content.at + self->content.len, out);
}

/* Values may hold qualified names too, so any "prefix:" counts as use. */
static bool is_used(const struct node_declaration *declaration, struct span rest)
{
    struct span prefix = declaration->prefix;

    for (const char *at = rest.at; !span_empty(prefix);) {
        const char *end = rest.at + rest.len;

        at = memmem(at, (size_t)(end - at), prefix.at, prefix.len);
        if (at == NULL)
            return false;
        at += prefix.len;
        if (at < end && *at == ':')
            return true;
    }
    return true; /* the default namespace */
}

void cut_write(const struct node *root, struct span body, struct buffer *work, struct buffer *out)
{
    struct span name = tag_name(root);

    buffer_reset(work);
    put_attributes(root, work);
    put_rest(root, work);
    buffer_put(out, span_between(body.at, root->octets.at + 1));
    buffer_put(out, name);
    for (const struct node_declaration *declaration = root->declarations; declaration != NULL;
         declaration = declaration->next) {
        if (!is_used(declaration, buffer_span(work)) &&
            !span_begins(name, declaration->prefix)) /* "p:presence" */
            continue;
        buffer_put_char(out, ' ');
        buffer_put(out, declaration->octets);
    }
    buffer_put(out, buffer_span(work));
    out->overflowed = out->overflowed || work->overflowed;
    buffer_put(out, span_skip(body, (size_t)(root->octets.at + root->octets.len - body.at)));
}
