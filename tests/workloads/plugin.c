/*
 * Code that comes and goes: with PLUGIN a library that takes references and drops them, in a function called NAME; else
 * the extension module "plugins", which loads such libraries and unloads them.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#ifdef PLUGIN

static void *volatile last_seen;

void NAME(PyObject *object, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_INCREF(object);
        last_seen = object;
        Py_DECREF(object);
    }
}

#else

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>

#define KEPT_BYTES (1 << 20)

/* open(path, name): (library, function, where it is loaded) */
static PyObject *open_library(PyObject *module, PyObject *arguments)
{
    const char *path, *name;
    struct link_map *map;
    void *library;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "ss", &path, &name))
        return NULL;
    library = dlopen(path, RTLD_NOW);
    if (library == NULL || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    return Py_BuildValue("KKK", (unsigned long long)library, (unsigned long long)dlsym(library, name),
                         (unsigned long long)map->l_addr);
}

/* call(function, object, n) */
static PyObject *call(PyObject *module, PyObject *arguments)
{
    unsigned long long function;
    PyObject *object;
    Py_ssize_t n;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "KOn", &function, &object, &n))
        return NULL;
    ((void (*)(PyObject *, Py_ssize_t))function)(object, n);
    Py_RETURN_NONE;
}

/* close(library, where, keep): with keep nothing is loaded there again. */
static PyObject *close_library(PyObject *module, PyObject *arguments)
{
    unsigned long long library, where;
    int keep;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "KKp", &library, &where, &keep))
        return NULL;
    if (dlclose((void *)library) != 0)
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    if (keep)
        mmap((void *)where, KEPT_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    for (unsigned long long at = where; keep && at < where + KEPT_BYTES; at += 4096)
        mmap((void *)at, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"open", open_library, METH_VARARGS, NULL},
                                {"call", call, METH_VARARGS, NULL},
                                {"close", close_library, METH_VARARGS, NULL},
                                {0}};
static PyModuleDef_Slot slots[] = {{Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "plugins", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_plugins(void)
{
    return PyModuleDef_Init(&definition);
}

#endif
