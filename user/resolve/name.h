/* What objects and types are called, from what BPF copied while they lived. Pure. */
#ifndef HOTREF_RESOLVE_NAME_H
#define HOTREF_RESOLVE_NAME_H

#include <stddef.h>

#include "abi.h"

#define NAME_SIZE 1024

/* "app.Config" for a class, "dict" for a builtin type, from an ABI_EVENT_TYPE or an object of kind ABI_KIND_TYPE.
 * Writes "" where nothing is known. */
void name_type(const struct abi_event *event, char *into, size_t size);

/* "globals of app.models", "code f.<locals>.g (app.py:4)", "str 'square'", "instance of app.Config"; type is the name of
 * the object's type. Never an address: names match across runs. */
void name_object(const struct abi_event *event, const char *type, char *into, size_t size);

/* Adds by what the object is held: "instance of app.Config (module global app.cfg)". What a dict holds changes, so its
 * keys are no longer part of its name then. */
void name_held(const struct abi_event *event, const char *held, char *name, size_t size);

#endif
