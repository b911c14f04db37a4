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
    bool in_module;             /* function lies in another file than the interpreter's */
    bool clears_frame;          /* the function drops what a frame holds */
    bool below;                 /* function only says who called it */
    bool open;                  /* the field says no more than where the operation was: bytecode may tell it */
    bool increment;
};

/* The type of the slot's object. */
struct base_type {
    const char *name;           /* "" if there is none */
    bool inline_values;         /* its instances keep attributes in themselves */
};

void place_name(const struct session *session, const struct abi_cold_key *key, const struct base_type *base,
                struct place_names *names);

#endif
