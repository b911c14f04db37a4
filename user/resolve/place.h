/* Where an operation happened and through which field: from a row's key, the scan and the symbols. */
#ifndef HOTREF_RESOLVE_PLACE_H
#define HOTREF_RESOLVE_PLACE_H

#include "capture/session.h"
#include "profile/profile.h"

#define PLACE_SIZE 512

struct place_names {
    char function[PLACE_SIZE];  /* the C function whose reference it was */
    char operation[PLACE_SIZE]; /* the C function that holds the atomic */
    char field[PLACE_SIZE];
    const char *binary;         /* path; the session's */
    uint64_t address;           /* in the binary, of the call or the atomic */
    enum field_source source;
};

/* base_type: name of the type of the slot's object, "" if none was found. */
void place_name(const struct session *session, const struct abi_cold_key *key, const char *base_type,
                struct place_names *names);

#endif
