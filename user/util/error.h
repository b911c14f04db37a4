/*
 * How a failure reaches the user: whoever finds it says it in one sentence with fail(), callers pass -1 (or
 * NULL) upwards, and only user/cmd/ prints it. Sentences are lowercase, say first what failed, quote the
 * subject, and end with what to do about it where that is known.
 */
#ifndef HOTREF_UTIL_ERROR_H
#define HOTREF_UTIL_ERROR_H

/* Keeps the sentence, replacing an earlier one; always returns -1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with ": strerror(errno)" behind it. */
int fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define FAILURE_SIZE 2048

/* The last sentence that the calling thread kept; valid until its next fail(). Never NULL. */
const char *last_failure(void);

/* A line on stderr at once: "hotref: ...". For what does not end the command. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
