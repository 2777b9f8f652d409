/* list.h - an intrusive doubly linked list; a link that is in no list points to itself. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

/** The struct of `type` whose member `member` is at `link`. */
#define CONTAINER_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *self)
{
    self->next = self;
    self->prev = self;
}

static inline bool list_empty(const struct list *self)
{
    return self->next == self;
}

/** Puts `link` at the end of the list whose head is `self`. */
static inline void list_append(struct list *self, struct list *link)
{
    link->prev = self->prev;
    link->next = self;
    self->prev->next = link;
    self->prev = link;
}

/** Takes `link` out of its list, if it is in one. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/** Takes out and returns the first link, or NULL. */
static inline struct list *list_take(struct list *self)
{
    struct list *first = self->next;

    if (first == self)
        return NULL;
    /* Not list_remove(): so written, static analysis sees that `self` lets go of `first`. */
    self->next = first->next;
    self->next->prev = self;
    list_init(first);
    return first;
}

/** Moves all of `from`, in order, to the end of `self`. */
static inline void list_append_all(struct list *self, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = self->prev;
    self->prev->next = from->next;
    from->prev->next = self;
    self->prev = from->prev;
    list_init(from);
}

#endif
