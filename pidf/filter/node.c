/* node.c - walks the bytes and the tree that was made of them side by side. */
#include "pidf/filter/node.h"

#include "server/base/must.h"

/*
 * The parser has seen that the bytes are well-formed and hold no DTD, so finding the tags again
 * takes little. It gives what a filtered document is made of: cut out of the bytes it keeps
 * their prefixes, their escapes and their order, and can hold nothing that was not there.
 */
struct walk {
    const char *at;
    const char *end;
    struct scratch *scratch;
};

static bool begins(const struct walk *walk, struct span text)
{
    return span_begins(span_between(walk->at, walk->end), text);
}

/* Steps over `open` ... `close`. False when it does not stand here. */
static bool skip_section(struct walk *walk, struct span open, struct span close)
{
    struct span rest;
    const char *found;

    if (!begins(walk, open))
        return false;
    rest = span_skip(span_between(walk->at, walk->end), open.len);
    found = memmem(rest.at, rest.len, close.at, close.len);
    must(found != NULL);
    walk->at = found + close.len;
    return true;
}

/* The next start or end tag. */
static void find_tag(struct walk *walk)
{
    for (;;) {
        walk->at = span_find(span_between(walk->at, walk->end), '<');
        must(walk->at != NULL);
        if (!skip_section(walk, SPAN("<!--"), SPAN("-->")) &&
            !skip_section(walk, SPAN("<![CDATA["), SPAN("]]>")) &&
            !skip_section(walk, SPAN("<?"), SPAN("?>")))
            return;
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct walk *walk)
{
    while (walk->at < walk->end && is_space(*walk->at))
        walk->at++;
}

static struct span take_name(struct walk *walk)
{
    const char *from = walk->at;

    while (walk->at < walk->end && !is_space(*walk->at) && *walk->at != '=' && *walk->at != '>' &&
           *walk->at != '/')
        walk->at++;
    return span_between(from, walk->at);
}

/* ="value", which may hold any byte but its own quote. */
static void skip_value(struct walk *walk)
{
    const char *end;

    skip_space(walk);
    must(begins(walk, SPAN("=")));
    walk->at++;
    skip_space(walk);
    must(walk->at < walk->end);
    end = span_find(span_between(walk->at + 1, walk->end), *walk->at);
    must(end != NULL);
    walk->at = end + 1;
}

static void add_declaration(struct walk *walk, struct node *self, struct span name,
                            struct span octets)
{
    struct node_declaration *made = scratch_alloc(walk->scratch, sizeof(*made)),
                            **end = &self->declarations;

    made->octets = octets;
    made->prefix = span_skip(name, sizeof("xmlns:") - 1);
    while (*end != NULL)
        end = &(*end)->next;
    *end = made;
}

static struct node *attribute_node(struct walk *walk, struct node *parent,
                                   const struct attribute *attribute, struct span octets)
{
    struct node *self = scratch_alloc(walk->scratch, sizeof(*self));

    must(attribute != NULL);
    self->parent = parent;
    self->attribute = attribute;
    self->octets = octets;
    return self;
}

/* True when the tag closes itself. */
static bool read_start_tag(struct walk *walk, struct node *self)
{
    const struct attribute *attribute = self->element->attributes;
    struct node **end = &self->attributes;

    walk->at++;
    (void)take_name(walk);
    for (skip_space(walk); !begins(walk, SPAN(">")) && !begins(walk, SPAN("/")); skip_space(walk)) {
        const char *from = walk->at;
        struct span name = take_name(walk);

        skip_value(walk);
        if (span_equal(name, SPAN("xmlns")) || span_begins(name, SPAN("xmlns:"))) {
            add_declaration(walk, self, name, span_between(from, walk->at));
            continue;
        }
        *end = attribute_node(walk, self, attribute, span_between(from, walk->at));
        end = &(*end)->next;
        attribute = attribute->next;
    }
    must(attribute == NULL);
    if (begins(walk, SPAN(">"))) {
        walk->at++;
        return false;
    }
    walk->at += 2;
    return true;
}

static struct node *read_element(struct walk *walk, const struct element *element,
                                 struct node *parent)
{
    struct node *self = scratch_alloc(walk->scratch, sizeof(*self)), **end = &self->first;
    const char *from = walk->at, *inside;

    self->element = element;
    self->parent = parent;
    if (read_start_tag(walk, self)) {
        self->content = (struct span){walk->at, 0};
        self->octets = span_between(from, walk->at);
        return self;
    }
    inside = walk->at;
    for (const struct element *child = element->first; child != NULL; child = child->next) {
        if (element_is_text(child))
            continue;
        find_tag(walk);
        *end = read_element(walk, child, self);
        end = &(*end)->next;
    }
    find_tag(walk);
    self->content = span_between(inside, walk->at);
    walk->at = span_find(span_between(walk->at, walk->end), '>');
    must(walk->at != NULL);
    walk->at++;
    self->octets = span_between(from, walk->at);
    return self;
}

struct node *node_read(const struct element *root, struct span body, struct scratch *scratch)
{
    struct walk walk = {body.at, body.at + body.len, scratch};

    find_tag(&walk);
    return read_element(&walk, root, NULL);
}
