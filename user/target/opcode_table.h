/*
 * The instructions of CPython 3.13, 3.14, 3.15 and 3.16: their numbers from Include/opcode_ids.h, stack effects and
 * caches from Include/internal/pycore_opcode_metadata.h (v3.13.5, v3.14.7, v3.15.0rc1, 3.16.0a0 of August 2026). For
 * opcodes.c; a number of 0 is one that the version does not have.
 */
#ifndef HOTREF_TARGET_OPCODE_TABLE_H
#define HOTREF_TARGET_OPCODE_TABLE_H

/* name, its four numbers, values taken, put, kept, where it goes on, caches; n is its argument. Those that change the
 * stack below its top (LIST_APPEND, DICT_MERGE) leave there what was there. */
#define OPCODE_TABLE(X)                                                                  \
    X(BEFORE_ASYNC_WITH, 1, 0, 0, 0, 1, 2, 0, NEXT, 0)                                   \
    X(BEFORE_WITH, 2, 0, 0, 0, 1, 2, 0, NEXT, 0)                                         \
    X(BINARY_OP, 45, 44, 42, 42, 2, 1, 0, NEXT, since14 ? 5 : 1)                         \
    X(BINARY_SLICE, 4, 1, 1, 1, 3, 1, 0, NEXT, 0)                                        \
    X(BINARY_SUBSCR, 5, 0, 0, 0, 2, 1, 0, NEXT, 1)                                       \
    X(BUILD_CONST_KEY_MAP, 46, 0, 0, 0, 1 + n, 1, 0, NEXT, 0)                            \
    X(BUILD_INTERPOLATION, 0, 45, 43, 43, 2 + (n & 1), 1, 0, NEXT, 0)                    \
    X(BUILD_LIST, 47, 46, 44, 44, n, 1, 0, NEXT, 0)                                      \
    X(BUILD_MAP, 48, 47, 45, 45, 2 * n, 1, 0, NEXT, 0)                                   \
    X(BUILD_SET, 49, 48, 46, 46, n, 1, 0, NEXT, 0)                                       \
    X(BUILD_SLICE, 50, 49, 47, 47, n == 3 ? 3 : 2, 1, 0, NEXT, 0)                        \
    X(BUILD_STRING, 51, 50, 48, 48, n, 1, 0, NEXT, 0)                                    \
    X(BUILD_TEMPLATE, 0, 2, 2, 2, 2, 1, 0, NEXT, 0)                                      \
    X(BUILD_TUPLE, 52, 51, 49, 49, n, 1, 0, NEXT, 0)                                     \
    X(CALL, 53, 52, 50, 50, 2 + n, 1, 0, NEXT, 3)                                        \
    X(CALL_FUNCTION_EX, 54, 4, 4, 4, since14 ? 4 : 3 + (n & 1), 1, 0, NEXT, since15)     \
    X(CALL_INTRINSIC_1, 55, 53, 51, 51, 1, 1, 0, NEXT, 0)                                \
    X(CALL_INTRINSIC_2, 56, 54, 52, 52, 2, 1, 0, NEXT, 0)                                \
    X(CALL_KW, 57, 55, 53, 53, 3 + n, 1, 0, NEXT, since14 ? 3 : 0)                       \
    X(CHECK_EG_MATCH, 6, 5, 5, 5, 2, 2, 0, NEXT, 0)                                      \
    X(CHECK_EXC_MATCH, 7, 6, 6, 6, 2, 2, 1, NEXT, 0)                                     \
    X(CLEANUP_THROW, 8, 7, 7, 7, 3 + since15, 2 + since15, 0, NEXT, 0)                   \
    X(COMPARE_OP, 58, 56, 54, 54, 2, 1, 0, NEXT, 1)                                      \
    X(CONTAINS_OP, 59, 57, 55, 55, 2, 1, 0, NEXT, 1)                                     \
    X(CONVERT_VALUE, 60, 58, 56, 56, 1, 1, 0, NEXT, 0)                                   \
    X(COPY, 61, 59, 57, 57, 0, 1, 0, NEXT, 0)                                            \
    X(COPY_FREE_VARS, 62, 60, 58, 58, 0, 0, 0, NEXT, 0)                                  \
    X(DELETE_ATTR, 63, 61, 59, 0, 1, 0, 0, NEXT, 0)                                      \
    X(DELETE_DEREF, 64, 62, 60, 59, 0, 0, 0, NEXT, 0)                                    \
    X(DELETE_FAST, 65, 63, 61, 60, 0, 0, 0, NEXT, 0)                                     \
    X(DELETE_GLOBAL, 66, 64, 62, 0, 0, 0, 0, NEXT, 0)                                    \
    X(DELETE_NAME, 67, 65, 63, 0, 0, 0, 0, NEXT, 0)                                      \
    X(DELETE_SUBSCR, 9, 8, 8, 8, 2, 0, 0, NEXT, 0)                                       \
    X(DICT_MERGE, 68, 66, 64, 61, 1, 0, 0, NEXT, 0)                                      \
    X(DICT_UPDATE, 69, 67, 65, 62, 1, 0, 0, NEXT, 0)                                     \
    X(END_ASYNC_FOR, 10, 68, 66, 63, 2, 0, 0, NEXT, 0)                                   \
    X(END_FOR, 11, 9, 9, 9, 1, 0, 0, NEXT, 0)                                            \
    X(END_SEND, 12, 10, 10, 10, 2 + since15, 1, 0, NEXT, 0)                              \
    X(EXIT_INIT_CHECK, 13, 11, 11, 11, 1, 0, 0, NEXT, 0)                                 \
    X(EXTENDED_ARG, 71, 69, 67, 64, 0, 0, 0, NEXT, 0)                                    \
    X(FORMAT_SIMPLE, 14, 12, 12, 12, 1, 1, 0, NEXT, 0)                                   \
    X(FORMAT_WITH_SPEC, 15, 13, 13, 13, 2, 1, 0, NEXT, 0)                                \
    X(FOR_ITER, 72, 70, 68, 65, 1 + since15, 2 + since15, 1 + since15, BRANCH, 1)        \
    X(GET_AITER, 16, 14, 14, 14, 1, 1, 0, NEXT, 0)                                       \
    X(GET_ANEXT, 18, 15, 15, 15, 1, 2, 1, NEXT, 0)                                       \
    X(GET_AWAITABLE, 73, 71, 69, 66, 1, 1, 0, NEXT, 0)                                   \
    X(GET_ITER, 19, 16, 70, 67, 1, 1 + since15, 0, NEXT, since15)                        \
    X(GET_LEN, 20, 18, 16, 16, 1, 2, 1, NEXT, 0)                                         \
    X(GET_YIELD_FROM_ITER, 21, 19, 0, 0, 1, 1, 0, NEXT, 0)                               \
    X(IMPORT_FROM, 74, 72, 71, 68, 1, 2, 1, NEXT, 0)                                     \
    X(IMPORT_NAME, 75, 73, 72, 69, 2, 1, 0, NEXT, 0)                                     \
    X(INTERPRETER_EXIT, 22, 20, 18, 18, 1, 0, 0, END, 0)                                 \
    X(IS_OP, 76, 74, 73, 70, 2, 1, 0, NEXT, 0)                                           \
    X(JUMP_BACKWARD, 77, 75, 74, 71, 0, 0, 0, BACKWARD, 1)                               \
    X(JUMP_BACKWARD_NO_INTERRUPT, 78, 76, 75, 72, 0, 0, 0, BACKWARD, 0)                  \
    X(JUMP_FORWARD, 79, 77, 76, 73, 0, 0, 0, FORWARD, 0)                                 \
    X(LIST_APPEND, 80, 78, 77, 74, 1, 0, 0, NEXT, 0)                                     \
    X(LIST_EXTEND, 81, 79, 78, 75, 1, 0, 0, NEXT, 0)                                     \
    X(LOAD_ASSERTION_ERROR, 23, 0, 0, 0, 0, 1, 0, NEXT, 0)                               \
    X(LOAD_ATTR, 82, 80, 79, 76, 1, 1 + (n & 1), 0, NEXT, 9)                             \
    X(LOAD_BUILD_CLASS, 24, 21, 19, 19, 0, 1, 0, NEXT, 0)                                \
    X(LOAD_COMMON_CONSTANT, 0, 81, 80, 77, 0, 1, 0, NEXT, 0)                             \
    X(LOAD_CONST, 83, 82, 81, 78, 0, 1, 0, NEXT, 0)                                      \
    X(LOAD_DEREF, 84, 83, 82, 79, 0, 1, 0, NEXT, 0)                                      \
    X(LOAD_FAST, 85, 84, 83, 80, 0, 1, 0, NEXT, 0)                                       \
    X(LOAD_FAST_AND_CLEAR, 86, 85, 84, 81, 0, 1, 0, NEXT, 0)                             \
    X(LOAD_FAST_BORROW, 0, 86, 85, 82, 0, 1, 0, NEXT, 0)                                 \
    X(LOAD_FAST_BORROW_LOAD_FAST_BORROW, 0, 87, 86, 83, 0, 2, 0, NEXT, 0)                \
    X(LOAD_FAST_CHECK, 87, 88, 87, 84, 0, 1, 0, NEXT, 0)                                 \
    X(LOAD_FAST_LOAD_FAST, 88, 89, 88, 85, 0, 2, 0, NEXT, 0)                             \
    X(LOAD_FROM_DICT_OR_DEREF, 89, 90, 89, 86, 1, 1, 0, NEXT, 0)                         \
    X(LOAD_FROM_DICT_OR_GLOBALS, 90, 91, 90, 87, 1, 1, 0, NEXT, 0)                       \
    X(LOAD_GLOBAL, 91, 92, 91, 88, 0, 1 + (n & 1), 0, NEXT, 4)                           \
    X(LOAD_LOCALS, 25, 22, 20, 20, 0, 1, 0, NEXT, 0)                                     \
    X(LOAD_NAME, 92, 93, 92, 89, 0, 1, 0, NEXT, 0)                                       \
    X(LOAD_SMALL_INT, 0, 94, 93, 90, 0, 1, 0, NEXT, 0)                                   \
    X(LOAD_SPECIAL, 0, 95, 94, 91, 1, 2, 0, NEXT, 0)                                     \
    X(LOAD_SUPER_ATTR, 93, 96, 95, 92, 3, 1 + (n & 1), 0, NEXT, 1)                       \
    X(MAKE_CELL, 94, 97, 96, 93, 0, 0, 0, NEXT, 0)                                       \
    X(MAKE_FUNCTION, 26, 23, 21, 21, 1, 1, 0, NEXT, 0)                                   \
    X(MAP_ADD, 95, 98, 97, 94, 2, 0, 0, NEXT, 0)                                         \
    X(MATCH_CLASS, 96, 99, 98, 95, 3, 1, 0, NEXT, 0)                                     \
    X(MATCH_KEYS, 27, 24, 22, 22, 2, 3, 2, NEXT, 0)                                      \
    X(MATCH_MAPPING, 28, 25, 23, 23, 1, 2, 1, NEXT, 0)                                   \
    X(MATCH_SEQUENCE, 29, 26, 24, 24, 1, 2, 1, NEXT, 0)                                  \
    X(NOP, 30, 27, 25, 25, 0, 0, 0, NEXT, 0)                                             \
    X(NOT_TAKEN, 0, 28, 26, 26, 0, 0, 0, NEXT, 0)                                        \
    X(POP_EXCEPT, 31, 29, 27, 27, 1, 0, 0, NEXT, 0)                                      \
    X(POP_ITER, 0, 30, 28, 28, 1 + since15, 0, 0, NEXT, 0)                               \
    X(POP_JUMP_IF_FALSE, 97, 100, 99, 96, 1, 0, 0, BRANCH, 1)                            \
    X(POP_JUMP_IF_NONE, 98, 101, 100, 97, 1, 0, 0, BRANCH, 1)                            \
    X(POP_JUMP_IF_NOT_NONE, 99, 102, 101, 98, 1, 0, 0, BRANCH, 1)                        \
    X(POP_JUMP_IF_TRUE, 100, 103, 102, 99, 1, 0, 0, BRANCH, 1)                           \
    X(POP_TOP, 32, 31, 29, 29, 1, 0, 0, NEXT, 0)                                         \
    X(PUSH_EXC_INFO, 33, 32, 30, 30, 1, 2, 0, NEXT, 0)                                   \
    X(PUSH_NULL, 34, 33, 31, 31, 0, 1, 0, NEXT, 0)                                       \
    X(RAISE_VARARGS, 101, 104, 103, 100, n, 0, 0, END, 0)                                \
    X(RERAISE, 102, 105, 104, 101, 1, 0, 0, END, 0)                                      \
    X(RESUME, 149, 128, 128, 128, 0, 0, 0, NEXT, since15)                                \
    X(RETURN_CONST, 103, 0, 0, 0, 0, 0, 0, END, 0)                                       \
    X(RETURN_GENERATOR, 35, 34, 32, 32, 0, 1, 0, NEXT, 0)                                \
    X(RETURN_VALUE, 36, 35, 33, 33, 1, 0, 0, END, 0)                                     \
    X(SEND, 104, 106, 105, 102, 2 + since15, 2 + since15, 1 + since15, BRANCH, 1)        \
    X(SETUP_ANNOTATIONS, 37, 36, 34, 34, 0, 0, 0, NEXT, 0)                               \
    X(SET_ADD, 105, 107, 106, 103, 1, 0, 0, NEXT, 0)                                     \
    X(SET_FUNCTION_ATTRIBUTE, 106, 108, 107, 104, 2, 1, 0, NEXT, 0)                      \
    X(SET_UPDATE, 107, 109, 108, 105, 1, 0, 0, NEXT, 0)                                  \
    X(STORE_ATTR, 108, 110, 109, 106, 2, 0, 0, NEXT, 4)                                  \
    X(STORE_DEREF, 109, 111, 110, 107, 1, 0, 0, NEXT, 0)                                 \
    X(STORE_FAST, 110, 112, 111, 108, 1, 0, 0, NEXT, 0)                                  \
    X(STORE_FAST_LOAD_FAST, 111, 113, 112, 109, 1, 1, 0, NEXT, 0)                        \
    X(STORE_FAST_STORE_FAST, 112, 114, 113, 110, 2, 0, 0, NEXT, 0)                       \
    X(STORE_GLOBAL, 113, 115, 114, 111, 1, 0, 0, NEXT, 0)                                \
    X(STORE_NAME, 114, 116, 115, 112, 1, 0, 0, NEXT, 0)                                  \
    X(STORE_SLICE, 38, 37, 35, 35, 4, 0, 0, NEXT, 0)                                     \
    X(STORE_SUBSCR, 39, 38, 36, 36, 3, 0, 0, NEXT, 1)                                    \
    X(SWAP, 115, 117, 116, 113, 0, 0, 0, NEXT, 0)                                        \
    X(TO_BOOL, 40, 39, 37, 37, 1, 1, 0, NEXT, 3)                                         \
    X(UNARY_INVERT, 41, 40, 38, 38, 1, 1, 0, NEXT, 0)                                    \
    X(UNARY_NEGATIVE, 42, 41, 39, 39, 1, 1, 0, NEXT, 0)                                  \
    X(UNARY_NOT, 43, 42, 40, 40, 1, 1, 0, NEXT, 0)                                       \
    X(UNPACK_EX, 116, 118, 117, 114, 1, 1 + (n & 0xff) + (n >> 8), 0, NEXT, 0)           \
    X(UNPACK_SEQUENCE, 117, 119, 118, 115, 1, n, 0, NEXT, 1)                             \
    X(WITH_EXCEPT_START, 44, 43, 41, 41, 4 + specials, 5 + specials, 4 + specials, NEXT, 0)\
    X(YIELD_VALUE, 118, 120, 119, 116, 1, 1, 0, NEXT, 0)

/* INSTRUMENTED_..: name and number of those that tell what they stand for. */
#define OPCODE_INSTRUMENTED(X)                  \
    X(CALL, 244, 250, 249, 249)                 \
    X(CALL_FUNCTION_EX, 246, 252, 251, 251)     \
    X(CALL_KW, 245, 251, 250, 250)              \
    X(END_ASYNC_FOR, 0, 248, 247, 247)          \
    X(END_FOR, 237, 234, 233, 233)              \
    X(END_SEND, 238, 236, 235, 235)             \
    X(FOR_ITER, 243, 237, 236, 236)             \
    X(JUMP_BACKWARD, 249, 253, 252, 252)        \
    X(JUMP_FORWARD, 248, 239, 238, 238)         \
    X(LOAD_SUPER_ATTR, 242, 249, 248, 248)      \
    X(NOT_TAKEN, 0, 240, 239, 239)              \
    X(POP_ITER, 0, 235, 234, 234)               \
    X(POP_JUMP_IF_FALSE, 251, 242, 241, 241)    \
    X(POP_JUMP_IF_NONE, 252, 243, 242, 242)     \
    X(POP_JUMP_IF_NOT_NONE, 253, 244, 243, 243) \
    X(POP_JUMP_IF_TRUE, 250, 241, 240, 240)     \
    X(RESUME, 236, 245, 244, 244)               \
    X(RETURN_CONST, 240, 0, 0, 0)               \
    X(RETURN_VALUE, 239, 246, 245, 245)         \
    X(YIELD_VALUE, 241, 247, 246, 246)

#endif
