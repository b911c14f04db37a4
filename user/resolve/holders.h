/*
 * Where objects are held: found by walking from what a program can name, its modules first, to the objects that are
 * looked for. Pure, over struct python_memory, which may change meanwhile and is taken for hostile: the walk is
 * bounded in steps and in memory.
 *
 *     module global app.cfg              class attribute app.Service.limits
 *     attribute app.Service.cache        item of module global app.POOL
 *     closure state of app.make          item 'db' of attribute app.Service.handles
 *     local cfg of app.main              func_defaults of function app.f
 *
 * An attribute is named by the class of the instance that has it; an item by its key where that is a short string in
 * a small dict; a variable of a closure by the function around the one that uses it. The same object may be held in
 * many ways: the one with the fewest steps from a module counts, locals of the thread that made it coming behind two
 * steps. A global that several modules import from each other under one name is one, of the module that is not
 * __main__, then of the one nearest to the root. Where two ways are equally good, there is no name.
 */
#ifndef HOTREF_RESOLVE_HOLDERS_H
#define HOTREF_RESOLVE_HOLDERS_H

#include "target/pyobject.h"

#define HOLDERS_TEXT 256

enum holders_answer {
    HOLDERS_NONE,    /* held by nothing that was looked at */
    HOLDERS_FOUND,
    HOLDERS_SEVERAL, /* held in several ways that are equally good */
    HOLDERS_UNSURE,  /* memory changed under the walk, or there was too much of it */
    HOLDERS_CHANGED, /* another object stands there now, or none */
};

/* An object that is looked for. */
struct holders_wanted {
    uint64_t address;
    uint64_t type, owner;       /* as it was seen: its type, and its ob_tid */
    const char *known;          /* an earlier answer's text, or NULL */
    enum holders_answer answer;
    bool still;                 /* it is held as known says, among other ways perhaps */
    char text[HOLDERS_TEXT];    /* with HOLDERS_FOUND */
};

/* Looks for all of wanted (at most 65536) in one walk, and fills in the answers. While the interpreter is being
 * finalized there are none but HOLDERS_FOUND, which may have come before another way was seen, and HOLDERS_UNSURE.
 * runtime: address of _PyRuntime. -1 where there is no answer at all, because there are no modules, or no memory. */
int holders_find(const struct python_memory *memory, uint64_t runtime, struct holders_wanted *wanted, size_t count);

#endif
