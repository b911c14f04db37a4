/* The bytes of a profile (docs/profile.md): what the writer and the reader share. All numbers are
 * little-endian. */
#ifndef HOTREF_PROFILE_FORMAT_H
#define HOTREF_PROFILE_FORMAT_H

#include "profile/profile.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they lie in memory");

/* The first byte is no text, and the last shows whether a transfer has converted line ends. */
#define PROFILE_MAGIC "\x89hotref\n"
#define PROFILE_SECTIONS_MAX 64
#define PROFILE_FILE_MAX (1ull << 30)

struct profile_header {
    char magic[8];
    uint32_t schema;
    uint32_t incomplete; /* 1 until all else is on the disk */
    uint32_t sections;   /* entries of the table that follows the header */
    uint32_t table_crc;  /* crc32 of the table */
    uint64_t size;       /* of the whole file */
};

struct profile_section {
    uint32_t tag;
    uint32_t record_size;
    uint64_t offset; /* in the file */
    uint64_t size;   /* count * record_size */
    uint32_t count;
    uint32_t crc; /* crc32 of the section */
};

/* What a section holds. The string table has records of one byte. */
struct profile_section_kind {
    char tag[5];
    uint32_t record_size; /* as this version writes it */
    uint32_t least;       /* as the first version of the schema wrote it: none is smaller */
    size_t member;        /* offset in struct profile, of the array or of the record itself */
    bool single;          /* one record, no array */
    bool optional;        /* a file may lack it: then there is record 0 alone */
};

#define PROFILE_KINDS 11
extern const struct profile_section_kind profile_section_kinds[PROFILE_KINDS];

uint32_t profile_tag(const char *tag);

#endif
