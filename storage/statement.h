/* statement.h - every array statement of a batch, in the order in which a batch sends them. */
#ifndef STORAGE_STATEMENT_H
#define STORAGE_STATEMENT_H

/* What is deleted goes first: another row may come under its contact_key in the same batch. */
enum statement_id {
    DELETE_BINDING,
    DELETE_PUBLICATION,
    DELETE_SUBSCRIPTION,
    DELETE_DEVICE,
    DELETE_MESSAGE,
    DELETE_COMMAND,
    INSERT_BINDING,
    INSERT_PUBLICATION,
    INSERT_SUBSCRIPTION,
    INSERT_DEVICE,
    INSERT_MESSAGE,
    UPDATE_BINDING,
    UPDATE_PUBLICATION,
    UPDATE_SUBSCRIPTION,
    UPDATE_DEVICE,
    REFRESH_BINDING,
    REPEAT_BINDING,
    REFRESH_PUBLICATION,
    REFRESH_SUBSCRIPTION,
    REFRESH_DEVICE,
    PUT_RESOURCE,
    STATEMENT_COUNT
};

/** $1 is the number of the batch (int8); from $2 on comes one array per column. */
struct statement {
    const char *name;
    const char *labels;  /* for the metric of rows */
    const char *columns; /* letters of array.h */
    const char *sql;
};

extern const struct statement statements[STATEMENT_COUNT];

/** $1 node, $2 epoch, $3 batch, $4 notified_batch, all int8. Fails by a division by zero, SQLSTATE
 * 22012, when this writer was replaced: the whole batch is then rolled back. */
extern const char statement_fence[];

/** The same with the batch's number left alone, $1 node, $2 epoch, $3 notified_batch: a sign of
 * life. */
extern const char statement_heartbeat[];

#endif
