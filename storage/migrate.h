/* migrate.h - which schema this server knows. */
#ifndef STORAGE_MIGRATE_H
#define STORAGE_MIGRATE_H

/** The number of the newest file in schema/. */
enum { SCHEMA_VERSION = 6 };

#endif
