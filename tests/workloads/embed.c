/* A program that comes to have a Python only while it runs: embed LIBPYTHON HOME SCRIPT [ARG...] */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int (*run)(int, char **);
    void *library;

    if (argc < 4)
        return 2;
    setenv("PYTHONHOME", argv[2], 1);
    library = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
    *(void **)&run = library != NULL ? dlsym(library, "Py_BytesMain") : NULL;
    if (run == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    argv[2] = argv[0];
    return run(argc - 2, argv + 2);
}
