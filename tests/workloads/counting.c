/*
 * An extension module with reference counting of its own, of known number: what it is given is shared by its callers.
 * With CALLS it calls functions for that, as modules for the stable interface do; else it also has compare-exchanges of
 * its own, as the standard library's modules have.
 */
#define PY_SSIZE_T_CLEAN
#ifndef CALLS
#define Py_BUILD_CORE_MODULE 1
#endif
#include <Python.h>
#ifdef CALLS
#undef Py_INCREF
#undef Py_DECREF
#undef Py_XDECREF
#define Py_INCREF(object) Py_IncRef((PyObject *)(object))
#define Py_DECREF(object) Py_DecRef((PyObject *)(object))
#define Py_XDECREF(object) Py_DecRef((PyObject *)(object))
#else
#include "internal/pycore_object.h"
#endif

/* Keeps the compiler from taking an increment and a decrement for nothing at all. */
static void *volatile last_seen;

struct holder {
    PyObject_HEAD
    PyObject *kept;
};

/* take(n, object): n references to object, each dropped from a local variable. */
static PyObject *take(PyObject *module, PyObject *arguments)
{
    PyObject *object;
    Py_ssize_t n;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "nO", &n, &object))
        return NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_INCREF(object);
        last_seen = object;
        Py_DECREF(object);
    }
    Py_RETURN_NONE;
}

/* keep(holder, n, object): the same through the member of an object of the caller's thread. */
static PyObject *keep(PyObject *module, PyObject *arguments)
{
    struct holder *holder;
    PyObject *object, *self;
    Py_ssize_t n;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "OnO", &self, &n, &object))
        return NULL;
    holder = (struct holder *)self;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *before;

        Py_INCREF(object);
        before = holder->kept;
        holder->kept = object;
        Py_XDECREF(before);
    }
    Py_RETURN_NONE;
}

#ifndef CALLS
/* try_take(n, object): the same as take(), with increments that may fail, but do not: a reference is there already. */
static PyObject *try_take(PyObject *module, PyObject *arguments)
{
    PyObject *object;
    Py_ssize_t n, done = 0;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "nO", &n, &object))
        return NULL;
    Py_INCREF(object);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (_Py_TryIncref(object)) {
            last_seen = object;
            Py_DECREF(object);
            done++;
        }
    }
    Py_DECREF(object);
    return PyLong_FromSsize_t(done);
}
#endif

static void holder_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    Py_XDECREF(((struct holder *)self)->kept);
    release(self);
    Py_DECREF((PyObject *)type);
}

static PyType_Slot holder_slots[] = {{Py_tp_dealloc, (void *)holder_dealloc}, {0, NULL}};
static PyType_Spec holder_spec = {"counting.Holder", sizeof(struct holder), 0, Py_TPFLAGS_DEFAULT, holder_slots};

static int execute(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&holder_spec);
    int status = type != NULL ? PyObject_SetAttrString(module, "Holder", type) : -1;

    Py_XDECREF(type);
    return status;
}

static PyMethodDef methods[] = {{"take", take, METH_VARARGS, NULL},
                                {"keep", keep, METH_VARARGS, NULL},
#ifndef CALLS
                                {"try_take", try_take, METH_VARARGS, NULL},
#endif
                                {0}};
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute}, {Py_mod_gil, Py_MOD_GIL_NOT_USED}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "counting", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_counting(void)
{
    return PyModuleDef_Init(&definition);
}
