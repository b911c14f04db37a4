/* What hotref is doing, where that may take over a second: one line on stderr, on terminals only, which goes again. */
#ifndef HOTREF_UTIL_PROGRESS_H
#define HOTREF_UTIL_PROGRESS_H

/* Shows the line, in place of one that is there. */
void progress_begin(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes it away; without one does nothing. To be called before anything else is written to a terminal: warn() does. */
void progress_end(void);

#endif
